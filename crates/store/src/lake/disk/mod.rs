//! The local disk as an object store: what is written is durable before anybody sees it, what is
//! read is checked against the sums of when it was written.
//!
//! The library's own store never calls fsync. A power cut could then take what a commit of the lake
//! holds after the inbox forgot it, or leave a log entry without bytes. Delta and DataFusion find
//! this one instead, for every `file:` address.

mod log;
mod staged;
mod sums;

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

use async_trait::async_trait;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UploadPart,
};
use deltalake::logstore::{ObjectStoreFactory, ObjectStoreRef, StorageConfig};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use staged::{How, Staged};
pub(super) use staged::{make_folder, sync_folder};

/// Set when something that can be seen already could not be made durable.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Lets Delta find this store; once a process is enough.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        deltalake::logstore::object_store_factories().insert(scheme(), Arc::new(Factory));
    });
}

/// Lets the queries of an environment find this store: each brings the library's own.
pub(super) fn register_for(environment: &RuntimeEnv) {
    environment.register_object_store(&scheme(), Arc::new(Disk::new()));
}

fn scheme() -> url::Url {
    url::Url::parse("file://").expect("a scheme alone is an address")
}

/// Tells whether the disk failed under a commit that others see: nobody may rely on it then, and a
/// second fsync would prove nothing.
pub(super) fn has_failed() -> bool {
    FAILED.load(Ordering::Acquire)
}

struct Factory;

impl ObjectStoreFactory for Factory {
    fn parse_url_opts(
        &self,
        url: &url::Url,
        _config: &StorageConfig,
    ) -> deltalake::DeltaResult<(ObjectStoreRef, Path)> {
        let path = Path::from_url_path(url.path()).map_err(Error::from)?;
        Ok((Arc::new(Disk::new()), path))
    }
}

#[derive(Debug)]
struct Disk {
    files: Arc<LocalFileSystem>,
}

impl Disk {
    fn new() -> Self {
        Self { files: Arc::new(LocalFileSystem::new()) }
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Disk")
    }
}

#[async_trait]
impl ObjectStore for Disk {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let path = self.files.path_to_filesystem(location)?;
        let how = match options.mode {
            PutMode::Create => How::New,
            PutMode::Overwrite => How::InPlace,
            PutMode::Update(_) => return Err(refused("an update under a condition")),
        };
        blocking(&path, move |path| {
            let mut staged = Staged::begin(path)?;
            for part in payload.iter() {
                staged.write(part)?;
            }
            publish(staged, how)
        })
        .await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.files.path_to_filesystem(location)?;
        let staged = blocking(&path, Staged::begin).await?;
        Ok(Box::new(Upload { staged: Some(staged), offset: 0, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        let mut found = self.files.get_opts(location, options).await?;
        if is_head {
            return Ok(found);
        }
        if let GetResultPayload::File(file, path) = found.payload {
            let (range, size) = (found.range.clone(), found.meta.size);
            let bytes = blocking(&path, move |path| sums::read(&file, path, range, size)).await?;
            let whole = futures::stream::once(async move { Ok(bytes.into()) });
            found.payload = GetResultPayload::Stream(whole.boxed());
        }
        Ok(found)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let files = Arc::clone(&self.files);
        let forget = move |location: &Path| {
            if let Ok(path) = files.path_to_filesystem(location) {
                // Sums without their file say nothing.
                drop(std::fs::remove_file(sums::path(&path)));
            }
        };
        self.files.delete_stream(locations).inspect_ok(forget).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix).try_filter(|found| std::future::ready(is_shown(found))).boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let in_log = prefix.and_then(|prefix| Some((prefix, log::name_in(prefix, offset)?)));
        let folder = in_log.and_then(|(prefix, name)| {
            Some((self.files.path_to_filesystem(prefix).ok()?, prefix.clone(), name))
        });
        let Some((folder, prefix, name)) = folder else {
            let listed = self.files.list_with_offset(prefix, offset);
            return listed.try_filter(|found| std::future::ready(is_shown(found))).boxed();
        };
        let listed = async move {
            let found = blocking(&folder, move |folder| log::after(folder, &prefix, &name)).await?;
            Ok::<_, Error>(futures::stream::iter(found.into_iter().map(Ok)))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.files.list_with_delimiter(prefix).await?;
        listed.objects.retain(is_shown);
        Ok(listed)
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        // Neither Delta nor DataFusion copies on a local disk; a second way to write is one too
        // many to keep durable.
        Err(refused("copying"))
    }
}

/// A file that is written in parts: they may end in any order.
#[derive(Debug)]
struct Upload {
    staged: Option<Staged>,
    offset: u64,
    path: PathBuf,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let file = self.staged.as_ref().map(Staged::shared);
        let mut offset = self.offset;
        self.offset += part.content_length() as u64;
        let path = self.path.clone();
        Box::pin(async move {
            let file = file.ok_or_else(|| refused("a part of what has ended"))?;
            blocking(&path, move |_| {
                use std::os::unix::fs::FileExt as _;
                for bytes in part.iter() {
                    file.write_all_at(bytes, offset)?;
                    offset += bytes.len() as u64;
                }
                Ok(())
            })
            .await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.take().ok_or_else(|| refused("ending twice"))?;
        blocking(&self.path, move |_| publish(staged, How::InPlace)).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        self.staged = None;
        Ok(())
    }
}

/// Gives a file its name, and its sums; both are durable when this returns.
fn publish(staged: Staged, how: How) -> std::io::Result<()> {
    let path = staged.publish(how)?;
    if sums::are_kept(&path) {
        // Without them the file is read unchecked; it is there all the same, which an error would
        // deny.
        drop(sums::write(&path));
    }
    let synced = path.parent().map_or(Ok(()), sync_folder);
    if synced.is_err() {
        FAILED.store(true, Ordering::Release);
    }
    synced
}

/// Tells whether a file in the folder of a table's log is of the log: an entry or a checkpoint, not
/// sums, and not what a crash left staged.
pub(super) fn is_entry(file: &std::fs::DirEntry) -> bool {
    let name = file.file_name();
    let name = name.to_string_lossy();
    name.starts_with(|first: char| first.is_ascii_digit()) && !name.contains('#')
}

fn is_shown(found: &ObjectMeta) -> bool {
    found.location.filename().is_none_or(|name| !sums::is_name(name))
}

fn refused(what: &str) -> Error {
    let source = format!("{what} is not supported").into();
    Error::Generic { store: "disk", source }
}

/// Runs what waits for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(
    path: &FilePath,
    work: impl FnOnce(&FilePath) -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let owned = path.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&owned)).await;
    done.map_err(std::io::Error::other).flatten().map_err(|source| {
        let path = path.display().to_string();
        match source.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::AlreadyExists { path, source: source.into() }
            }
            std::io::ErrorKind::NotFound => Error::NotFound { path, source: source.into() },
            _ => Error::Generic { store: "disk", source: format!("`{path}`: {source}").into() },
        }
    })
}

#[cfg(test)]
mod tests;
