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
use crate::crypto::solana::SolanaAddress;
use crate::domain::byte_range::ByteRange;
use crate::domain::digest::Digest;
use crate::domain::entropy::Entropy;
use crate::domain::id::{AgentId, new_ulid};
use crate::domain::media::{FileType, HEAD_BYTES};
use crate::domain::time::Timestamp;
use crate::edge::task::Answer;
use crate::edge::{PlatformEntropy, file};

/// Where files are shown.
const FOLDER: &str = "/files/";
/// What the names of all files begin with; what else is in the bucket is shown to nobody.
const NAMESPACE: &str = "atelier/";
/// What the random part of a name is written in: Crockford's base32, as ULIDs are.
const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID_CHARS: usize = 26;
/// A ULID, and the random part of another: with its own, 160 bits that nobody can guess.
const UNIQUE_CHARS: usize = 42;
/// What the folders begin with of agents and of wallets that buy.
const AGENT_FOLDER: &str = "uploads/ext_";
const BUYER_FOLDER: &str = "briefs/";

/// Whose a file is.
#[derive(Debug, Clone, Copy)]
pub enum Folder<'a> {
    Agent(AgentId),
    Buyer(&'a SolanaAddress),
}

/// A form that was read up to the first bytes of its file.
#[derive(Debug)]
pub struct OpenForm {
    form: JsValue,
    declared: String,
    head: Vec<u8>,
    fields: Vec<(String, String)>,
}

impl OpenForm {
    /// What stood in a field before the file; nothing when it was not sent, or too long to be kept.
    pub fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Its file, if that is of one of these types.
    pub fn into_upload(self, allowed: &[FileType]) -> Result<Upload, Fault> {
        match type_of(&self.declared, &self.head, allowed) {
            Ok(kind) => Ok(Upload { form: self.form, kind }),
            Err(fault) => {
                self.leave();
                Err(fault)
            }
        }
    }

    /// Reads no further in it.
    pub fn leave(&self) {
        file::leave_upload(&self.form);
    }
}

/// A file that stands in a form, its type known and the rest of it still to come.
#[derive(Debug)]
pub struct Upload {
    form: JsValue,
    kind: FileType,
}

/// What a buyer may show with a brief.
const BRIEF_TYPES: [FileType; 2] = [FileType::Jpeg, FileType::Png];
const BRIEF_BYTES_MAX: usize = 5_242_880;

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

/// What says of a file no more than that it is one (RFC 2046 4.5.1).
const OCTETS: &str = "application/octet-stream";

/// The type of a file that is declared as one thing and begins with these bytes. Many clients declare nothing, or that it is a file:
/// then its first bytes alone say what it is.
fn type_of(declared: &str, head: &[u8], allowed: &[FileType]) -> Result<FileType, Fault> {
    let names = || allowed.iter().map(|kind| kind.content_type()).collect::<Vec<_>>().join(", ");
    let invalid = || Fault::new(Code::FileTypeInvalid, format!("the file must be one of {}", names()));
    let is_allowed = |kind: &FileType| allowed.contains(kind);
    let declared = match declared {
        "" | OCTETS => None,
        declared => Some(FileType::parse(declared).filter(is_allowed).ok_or_else(invalid)?),
    };
    if head.is_empty() {
        return Err(Fault::new(Code::FileEmpty, "the file is empty"));
    }
    match (declared, FileType::sniff(head)) {
        (None, found) => found.filter(is_allowed).ok_or_else(invalid),
        (Some(declared), Some(found)) if declared == found => Ok(found),
        (Some(declared), _) => {
            let detail = format!("the file is declared as {}, but does not begin like one", declared.content_type());
            Err(Fault::new(Code::FileTypeMismatch, detail))
        }
    }
}

/// A new name of a file in that folder.
fn new_name(folder: Folder<'_>, kind: FileType, now: Timestamp, entropy: &mut dyn Entropy) -> String {
    let more = new_ulid(now, entropy).to_string();
    let (ulid, more) = (new_ulid(now, entropy), more.get(10..).unwrap_or_default());
    let folder = match folder {
        Folder::Agent(agent_id) => format!("{AGENT_FOLDER}{}", agent_id.ulid()),
        Folder::Buyer(wallet) => format!("{BUYER_FOLDER}{}", wallet.as_str()),
    };
    format!("{NAMESPACE}{folder}/{ulid}{more}.{}", kind.extension())
}

/// Whether a text is spelled as [`new_name`] spells them, and so holds nothing that means something where it is shown.
pub fn is_name(text: &str) -> bool {
    let is_written = |part: &str, chars: usize| part.len() == chars && part.bytes().all(|byte| ALPHABET.contains(&byte));
    let split = || {
        let (folder, file) = text.strip_prefix(NAMESPACE)?.rsplit_once('/')?;
        Some((folder, file.split_once('.')?))
    };
    split().is_some_and(|(folder, (unique, extension))| {
        let is_folder = match (folder.strip_prefix(AGENT_FOLDER), folder.strip_prefix(BUYER_FOLDER)) {
            (Some(ulid), _) => is_written(ulid, ULID_CHARS),
            (None, Some(wallet)) => SolanaAddress::parse(wallet).is_ok(),
            (None, None) => false,
        };
        is_folder && is_written(unique, UNIQUE_CHARS) && FileType::ALL.iter().any(|kind| kind.extension() == extension)
    })
}

/// What a URL names where files are shown, be it a name of one or not; nothing for a URL that leads elsewhere.
pub fn name_in_url<'a>(public_origin: &str, url: &'a str) -> Option<&'a str> {
    url.strip_prefix(public_origin)?.strip_prefix(FOLDER)
}

/// The URL a name is shown at.
pub fn url_of_name(public_origin: &str, name: &str) -> String {
    format!("{public_origin}{FOLDER}{name}")
}

impl Ctx {
    fn files(&self) -> Result<JsValue, Fault> {
        self.edge.files().map_err(|error| Fault::internal(error.to_string()))
    }

    /// Reads a form up to the first bytes of its file, of at most `bytes_max` bytes.
    async fn open_form(&self, bytes_max: usize) -> Result<OpenForm, Fault> {
        let body = self.incoming.multipart()?;
        let limit = u32::try_from(bytes_max.min(FILE_BYTES_MAX)).unwrap_or(u32::MAX);
        let head_bytes = u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX);
        let opened = Answer::to(|slot| file::open_upload(&body.request, &body.boundary, "file", limit, head_bytes, slot)).await;
        let opened = opened.map_err(|_| unreadable("", bytes_max))?;
        if let Some(word) = opened.as_string() {
            return Err(unreadable(&word, bytes_max));
        }
        let opened: Array = opened.unchecked_into();
        let text = |at: u32| opened.get(at).as_string().unwrap_or_default();
        let head = worker::js_sys::Uint8Array::new(&opened.get(2)).to_vec();
        let fields = serde_json::from_str(&text(3)).map_err(|error| Fault::internal(error.to_string()))?;
        Ok(OpenForm { form: opened.get(0), declared: text(1), head, fields })
    }

    /// The file of a form, of one of these types and at most `bytes_max` bytes.
    pub async fn open_upload(&self, allowed: &[FileType], bytes_max: usize) -> Result<Upload, Fault> {
        self.open_form(bytes_max).await?.into_upload(allowed)
    }

    /// The form of an image for a brief.
    pub async fn open_brief_image(&self) -> Result<OpenForm, Fault> {
        self.open_form(BRIEF_BYTES_MAX).await
    }

    /// Stores that image in the folder of the wallet that buys.
    pub async fn keep_brief_image(&self, form: OpenForm, wallet: &SolanaAddress) -> Result<Stored, Fault> {
        self.keep_upload(&form.into_upload(&BRIEF_TYPES)?, Folder::Buyer(wallet), BRIEF_BYTES_MAX).await
    }

    /// Stores the file in that folder under a name of its own. One that does not come whole is not stored.
    pub async fn keep_upload(&self, upload: &Upload, folder: Folder<'_>, bytes_max: usize) -> Result<Stored, Fault> {
        let kind = upload.kind;
        let name = new_name(folder, kind, self.now, &mut PlatformEntropy);
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
        let url = url_of_name(&self.edge.settings.public_origin, &name);
        Ok(Stored { name, url, kind, bytes, sha256: Digest::from_bytes(hash) })
    }

    /// The file of that name.
    pub async fn find_file(&self, name: &str) -> Result<Option<Found>, Fault> {
        if !is_name(name) {
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
        let Some(name) = name_in_url(&self.edge.settings.public_origin, url) else { return Ok(None) };
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

    const WALLET: &str = "So11111111111111111111111111111111111111112";
    const ULID: &str = "01J8ZQ4V9N3W0R6T5Y7X2KD1MA";

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(0xa5);
        }
    }

    #[test]
    fn a_name_is_what_names_are_made_as_and_nothing_else() {
        let (now, wallet) = (Timestamp::from_ms(1_770_000_000_000), SolanaAddress::parse(WALLET).unwrap());
        for kind in FileType::ALL {
            for folder in [Folder::Agent(AgentId::new(now, &mut Fixed)), Folder::Buyer(&wallet)] {
                let name = new_name(folder, kind, now, &mut Fixed);
                assert!(is_name(&name), "{name}");
            }
        }
        let unique = "0".repeat(UNIQUE_CHARS);
        assert!(is_name(&format!("atelier/uploads/ext_{ULID}/{unique}.png")) && is_name(&format!("atelier/briefs/{WALLET}/{unique}.jpg")));
        for bad in [
            String::new(),
            "atelier/x.png".to_owned(),
            "\"><img src=x>\n".to_owned(),
            format!("data/atelier/briefs/{WALLET}/{unique}.png"),
            format!("atelier/other/{WALLET}/{unique}.png"),
            format!("atelier/briefs/{WALLET}{WALLET}/{unique}.png"),
            format!("atelier/briefs/../{unique}.png"),
            format!("atelier/briefs//{unique}.png"),
            format!("atelier/briefs/{WALLET}/x/{unique}.png"),
            format!("atelier/uploads/ext_{}/{unique}.png", ULID.to_lowercase()),
            format!("atelier/uploads/agt_{ULID}/{unique}.png"),
            format!("atelier/uploads/ext_{ULID}/{}.png", "u".repeat(UNIQUE_CHARS)),
            format!("atelier/uploads/ext_{ULID}/0{unique}.png"),
            format!("atelier/uploads/ext_{ULID}/{unique}.svg"),
            format!("atelier/uploads/ext_{ULID}/{unique}.png.png"),
            format!("atelier/uploads/ext_{ULID}/{unique}"),
        ] {
            assert!(!is_name(&bad), "{bad}");
        }
        for more in ["?x", "#x", "\n", " ", "\"><img src=x>", "/", "%00"] {
            assert!(!is_name(&format!("atelier/uploads/ext_{ULID}/{unique}.png{more}")), "{more}");
        }
    }

    #[test]
    fn a_url_leads_to_files_here_or_elsewhere() {
        let of = |url| name_in_url("https://a.example", url);
        assert_eq!(of("https://a.example/files/x"), Some("x"));
        assert_eq!(of("https://a.example/files/"), Some(""));
        for other in ["https://a.example/file/x", "https://a.example.evil/files/x", "http://a.example/files/x", "/files/x", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_file_must_be_what_it_is_declared_to_be() {
        let png = b"\x89PNG\r\n\x1a\n";
        let code = |declared: &str, head: &[u8]| type_of(declared, head, &FileType::ALL).map_err(|fault| fault.code);
        assert_eq!(code("image/png", png), Ok(FileType::Png));
        assert_eq!(code("video/mp4", png), Err(Code::FileTypeMismatch));
        assert_eq!(code("image/png", b"<svg xmlns"), Err(Code::FileTypeMismatch));
        assert_eq!(code("image/png", b""), Err(Code::FileEmpty));
        for declared in ["image/svg+xml", "text/html", "application/pdf"] {
            assert_eq!(code(declared, png), Err(Code::FileTypeInvalid), "{declared}");
        }
        for undeclared in ["", "application/octet-stream"] {
            assert_eq!(code(undeclared, png), Ok(FileType::Png), "{undeclared}");
            assert_eq!(code(undeclared, b"<svg xmlns"), Err(Code::FileTypeInvalid), "{undeclared}");
            assert_eq!(code(undeclared, b""), Err(Code::FileEmpty), "{undeclared}");
            let taken = type_of(undeclared, b"GIF89a", &[FileType::Png]).map_err(|fault| fault.code);
            assert_eq!(taken, Err(Code::FileTypeInvalid), "{undeclared}");
        }
        assert_eq!(type_of("image/gif", b"GIF89a", &[FileType::Png]).map_err(|fault| fault.code), Err(Code::FileTypeInvalid));
    }
}
