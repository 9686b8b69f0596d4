//! Files as handlers use them: taken in from a form, found, handed out, removed (contract atelier 5). Their bytes pass by on
//! the platform's side: see `edge/file.js`.
//!
//! Invariant: a file's name cannot be guessed, and leads to nothing before the file is whole.

use worker::js_sys::Array;
use worker::wasm_bindgen::{JsCast, JsValue};

use super::body::FILE_BYTES_MAX;
use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use crate::domain::byte_range::ByteRange;
use crate::domain::digest::Digest;
use crate::domain::id::new_ulid;
use crate::domain::media::{FileType, HEAD_BYTES};
use crate::edge::task::Answer;
use crate::edge::{PlatformEntropy, file};

/// Where files are shown.
const FOLDER: &str = "/files/";
/// What the names of all files begin with; what else is in the bucket is shown to nobody.
const NAMESPACE: &str = "atelier/";
/// No name of ours is longer.
const NAME_BYTES_MAX: usize = 256;

/// A file that stands in a form, its type known and the rest of it still to come.
#[derive(Debug)]
pub struct Upload {
    form: JsValue,
    kind: FileType,
}

/// A file that was stored.
#[derive(Debug)]
pub struct Stored {
    pub name: String,
    pub url: String,
    pub kind: FileType,
    pub bytes: u64,
    pub sha256: Digest,
}

/// A file as its record has it.
#[derive(Debug)]
pub struct Found {
    pub content_type: String,
    pub sha256: String,
    pub bytes: u64,
    /// Where its bytes lie.
    place: String,
}

/// Why a form could not be read, by the word of `file.js`.
fn unreadable(word: &str, bytes_max: usize) -> Fault {
    match word {
        "no file" => Fault::new(Code::FileRequired, "send the file as the field file of a multipart/form-data body"),
        "two files" => Fault::field("$.file", "must be sent once"),
        "too long" => Fault::new(Code::PayloadTooLarge, "the fields beside the file are too long"),
        "file too large" => Fault::new(Code::FileTooLarge, format!("the file may have {bytes_max} bytes")),
        _ => Fault::field("$.file", "broke off before its end; send it again"),
    }
}

fn broken(error: &JsValue) -> Fault {
    Fault::busy(format!("the store of files failed: {error:?}"))
}

/// The type of a file that is declared as one thing and begins with these bytes.
fn type_of(declared: &str, head: &[u8], allowed: &[FileType]) -> Result<FileType, Fault> {
    let names = || allowed.iter().map(|kind| kind.content_type()).collect::<Vec<_>>().join(", ");
    let kind = FileType::parse(declared).filter(|kind| allowed.contains(kind));
    let kind = kind.ok_or_else(|| Fault::new(Code::FileTypeInvalid, format!("the file must be one of {}", names())))?;
    if head.is_empty() {
        return Err(Fault::new(Code::FileEmpty, "the file is empty"));
    }
    if FileType::sniff(head) != Some(kind) {
        let detail = format!("the file is declared as {}, but does not begin like one", kind.content_type());
        return Err(Fault::new(Code::FileTypeMismatch, detail));
    }
    Ok(kind)
}

impl Ctx {
    fn files(&self) -> Result<JsValue, Fault> {
        self.edge.files().map_err(|error| Fault::internal(error.to_string()))
    }

    /// Reads a form up to the first bytes of its file, of at most `bytes_max` bytes.
    pub async fn open_upload(&self, allowed: &[FileType], bytes_max: usize) -> Result<Upload, Fault> {
        let body = self.incoming.multipart()?;
        let limit = u32::try_from(bytes_max.min(FILE_BYTES_MAX)).unwrap_or(u32::MAX);
        let head_bytes = u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX);
        let opened = Answer::to(|slot| file::open_upload(&body.request, &body.boundary, "file", limit, head_bytes, slot)).await;
        let opened = opened.map_err(|_| unreadable("", bytes_max))?;
        if let Some(word) = opened.as_string() {
            return Err(unreadable(&word, bytes_max));
        }
        let opened: Array = opened.unchecked_into();
        let (form, declared) = (opened.get(0), opened.get(1).as_string().unwrap_or_default());
        let head = worker::js_sys::Uint8Array::new(&opened.get(2)).to_vec();
        match type_of(&declared, &head, allowed) {
            Ok(kind) => Ok(Upload { form, kind }),
            Err(fault) => {
                file::leave_upload(&form);
                Err(fault)
            }
        }
    }

    /// Stores the file in that folder under a name of its own. One that does not come whole is not stored.
    pub async fn keep_upload(&self, upload: &Upload, folder: &str, bytes_max: usize) -> Result<Stored, Fault> {
        let kind = upload.kind;
        let name = {
            // The random part of a second ULID: with its own, 160 bits that nobody can guess.
            let more = new_ulid(self.now, &mut PlatformEntropy).to_string();
            let (ulid, more) = (new_ulid(self.now, &mut PlatformEntropy), more.get(10..).unwrap_or_default());
            format!("{NAMESPACE}{folder}/{ulid}{more}.{}", kind.extension())
        };
        let bucket = self.files()?;
        let kept = Answer::to(|slot| file::keep_upload(&upload.form, &bucket, &name, kind.content_type(), slot)).await;
        let kept = kept.map_err(|error| broken(&error))?;
        if let Some(word) = kept.as_string() {
            return Err(unreadable(&word, bytes_max));
        }
        let kept: Array = kept.unchecked_into();
        let mut hash = [0; 32];
        let bytes = as_count(&kept.get(0)).ok_or_else(|| Fault::internal("a file has no size"))?;
        hex::decode_to_slice(kept.get(1).as_string().unwrap_or_default(), &mut hash).map_err(|_| Fault::internal("a file has no hash"))?;
        let url = format!("{}{FOLDER}{name}", self.edge.settings.public_origin);
        Ok(Stored { name, url, kind, bytes, sha256: Digest::from_bytes(hash) })
    }

    /// The file of that name.
    pub async fn find_file(&self, name: &str) -> Result<Option<Found>, Fault> {
        if !name.starts_with(NAMESPACE) || name.len() > NAME_BYTES_MAX {
            return Ok(None);
        }
        let bucket = self.files()?;
        let found = Answer::to(|slot| file::find_file(&bucket, name, slot)).await.map_err(|error| broken(&error))?;
        if found.is_undefined() {
            return Ok(None);
        }
        let found: Array = found.unchecked_into();
        let text = |at: u32| found.get(at).as_string();
        let read = || Some(Found { content_type: text(0)?, sha256: text(1)?, bytes: as_count(&found.get(2))?, place: text(3)? });
        read().map(Some).ok_or_else(|| Fault::internal("a file's record does not read"))
    }

    /// The stream of part of a file; nothing when it is gone.
    pub async fn read_file(&self, found: &Found, part: ByteRange) -> Result<Option<JsValue>, Fault> {
        let bucket = self.files()?;
        // Both are far below what a double counts exactly.
        #[allow(clippy::cast_precision_loss)]
        let (first, length) = (part.first as f64, part.length() as f64);
        let stream = Answer::to(|slot| file::read_file(&bucket, &found.place, first, length, slot)).await;
        stream.map(|stream| (!stream.is_undefined()).then_some(stream)).map_err(|error| broken(&error))
    }

    /// Removes a file.
    pub async fn delete_file(&self, name: &str) -> Result<(), Fault> {
        let bucket = self.files()?;
        Answer::to(|slot| file::delete_file(&bucket, name, slot)).await.map(drop).map_err(|error| broken(&error))
    }

    /// The SHA-256, in hex, of the file that a URL of ours shows; nothing for any other URL.
    pub async fn sha256_of_url(&self, url: &str) -> Result<Option<String>, Fault> {
        let path = url.strip_prefix(self.edge.settings.public_origin.as_str()).and_then(|path| path.strip_prefix(FOLDER));
        let Some(name) = path.and_then(|path| path.split(['?', '#']).next()) else { return Ok(None) };
        Ok(self.find_file(name).await?.map(|found| found.sha256))
    }
}

/// A number of bytes.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn as_count(value: &JsValue) -> Option<u64> {
    value.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_must_be_what_it_is_declared_to_be() {
        let png = b"\x89PNG\r\n\x1a\n";
        let code = |declared: &str, head: &[u8]| type_of(declared, head, &FileType::ALL).map_err(|fault| fault.code);
        assert_eq!(code("image/png", png), Ok(FileType::Png));
        assert_eq!(code("video/mp4", png), Err(Code::FileTypeMismatch));
        assert_eq!(code("image/png", b"<svg xmlns"), Err(Code::FileTypeMismatch));
        assert_eq!(code("image/png", b""), Err(Code::FileEmpty));
        for declared in ["image/svg+xml", "text/html", "", "application/octet-stream"] {
            assert_eq!(code(declared, png), Err(Code::FileTypeInvalid), "{declared}");
        }
        assert_eq!(type_of("image/gif", b"GIF89a", &[FileType::Png]).map_err(|fault| fault.code), Err(Code::FileTypeInvalid));
    }
}
