//! Uploads and the files they become: `POST /api/upload`, `POST /api/orders/brief-images`, `GET /files/...` (contract atelier
//! 4 and 5).

use serde::Serialize;

use crate::domain::byte_range::{Asked, ByteRange};
use crate::domain::limit::LimitClass;
use crate::domain::market::order::MediaType;
use crate::domain::media::FileType;
use crate::http::body::FILE_BYTES_MAX;
use crate::http::buyer;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::bad_credential;
use crate::http::fault::Fault;
use crate::http::file::{Folder, Found};
#[cfg(not(target_arch = "wasm32"))]
use crate::http::reply::Success;
use crate::http::reply::{Body, Reply};
use crate::http::route::Route;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::file::FileCommand;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Post "/api/upload" => upload {
        name: "uploadFile", summary: "Upload an image or a video, to deliver it", access: Seller, class: Some(LimitClass::AtelierUpload),
        body: Multipart, documented: true, status: 200, response: Success<Uploaded>, also: [402],
    }
    Post "/api/orders/brief-images" => upload_brief_image {
        name: "uploadBriefImage", summary: "Upload an image for an order's brief", access: Buyer, class: Some(LimitClass::AtelierUpload),
        body: Multipart, documented: true, status: 200, response: Success<BriefImage>, query: buyer::IN_QUERY,
    }
    Get "/files/{*name}" => show_file {
        name: "showFile", summary: "A file that was uploaded", access: Public, class: Some(LimitClass::Public), body: None, status: 200,
    }
};

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Uploaded {
    url: String,
    media_type: MediaType,
    content_type: &'static str,
    size: u64,
    sha256: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct BriefImage {
    url: String,
}

/// 1. The body's type: 415. 2. The key, and room: 401, 402, 403. 3. What the file is: 400. 4. Store it: 400. 5. Count it, or
/// remove it again: 401, 402, 403. 6. Answer: 200.
async fn upload(ctx: &Ctx) -> Result<Reply, Fault> {
    ctx.incoming.multipart()?;
    let seat = ctx.seller_seat()?;
    let admitted = ctx.call_tenant(&seat, Command::File(FileCommand::Admit)).await?;
    let agent_id = admitted.caller.and_then(|caller| caller.agent_id).ok_or_else(bad_credential)?;
    let upload = ctx.open_upload(&FileType::ALL, FILE_BYTES_MAX).await?;
    let stored = ctx.keep_upload(&upload, Folder::Agent(agent_id), FILE_BYTES_MAX).await?;
    let keep = FileCommand::Keep { name: stored.name.clone(), bytes: stored.bytes, sha256: stored.sha256 };
    if let Err(fault) = ctx.call_tenant(&seat, Command::File(keep)).await {
        ctx.delete_file(&stored.name).await?;
        return Err(fault);
    }
    let uploaded = Uploaded {
        url: stored.url,
        media_type: stored.kind.media_type(),
        content_type: stored.kind.content_type(),
        size: stored.bytes,
        sha256: stored.sha256.to_string(),
    };
    Reply::success(200, &uploaded)
}

/// 1. The signature: 401. 2. The body's type: 415. 3. What the file is: 400. 4. Store it: 400. 5. Answer: 200.
async fn upload_brief_image(ctx: &Ctx) -> Result<Reply, Fault> {
    let wallet = ctx.buyer()?;
    let form = ctx.open_brief_image().await?;
    let stored = ctx.keep_brief_image(form, &wallet).await?;
    Reply::success(200, &BriefImage { url: stored.url })
}

/// What is uploaded runs nowhere, whatever a browser takes it for.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; sandbox";

/// 1. Its record: 404. 2. Who has it is not sent it again: 304. 3. The part asked for: 416. 4. Answer with its bytes: 200, 206.
async fn show_file(ctx: &Ctx) -> Result<Reply, Fault> {
    let found = ctx.find_file(ctx.param("name")).await?.ok_or_else(Fault::not_found)?;
    let tag = format!("\"{}\"", found.sha256);
    let whole = ByteRange { first: 0, last: found.bytes.saturating_sub(1) };
    if ctx.has_tag(&tag) {
        return Ok(with_headers(Reply::empty(304), &found, tag));
    }
    if ctx.incoming.method == worker::Method::Head {
        return Ok(with_headers(Reply::empty(200), &found, tag).with_header("Content-Length", found.bytes.to_string()));
    }
    // A part is worth something only to who has another part of the same file.
    let range = ctx.incoming.header("Range").filter(|_| ctx.incoming.header("If-Range").is_none_or(|known| known == tag));
    let (status, part) = match range.map_or(Asked::Whole, |header| ByteRange::read(header, found.bytes)) {
        Asked::Whole => (200, whole),
        Asked::Part(part) => (206, part),
        Asked::Beyond => {
            return Err(Fault::new(Code::RangeNotSatisfiable, format!("the file has {} bytes", found.bytes))
                .with_header("Content-Range", format!("bytes */{}", found.bytes)));
        }
    };
    let stream = ctx.read_file(&found, part).await?.ok_or_else(Fault::not_found)?;
    let mut reply = Reply { status, headers: Vec::new(), body: Body::Stream(stream) };
    if status == 206 {
        reply = reply.with_header("Content-Range", format!("bytes {}-{}/{}", part.first, part.last, found.bytes));
    }
    Ok(with_headers(reply, &found, tag).with_header("Content-Length", part.length().to_string()))
}

/// The headers of every answer that is about a file there is.
fn with_headers(reply: Reply, found: &Found, tag: String) -> Reply {
    reply
        .with_header("Content-Type", found.content_type.as_str())
        .with_header("ETag", tag)
        .with_header("Cache-Control", "public, max-age=31536000, immutable")
        .with_header("Accept-Ranges", "bytes")
        .with_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
}
