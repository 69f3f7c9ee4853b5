//! The server's certificate, served anew when its files change.

use crate::Error;
use crate::file_stamp::FileStamp;
use axum_server::tls_rustls::RustlsConfig;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often to look whether the files have changed.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// A certificate chain and its private key.
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    stamps: [FileStamp; 2],
    /// What connections are made with.
    pub config: RustlsConfig,
}

impl Certificate {
    pub async fn load((cert, key): (PathBuf, PathBuf)) -> Result<Self, Error> {
        // Fails if this process has installed it before, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let stamps = [&cert, &key].map(|path| FileStamp::of(path));
        match RustlsConfig::from_pem_file(&cert, &key).await {
            Ok(config) => Ok(Self {
                cert,
                key,
                stamps,
                config,
            }),
            Err(source) => Err(Error::Tls { cert, key, source }),
        }
    }

    /// Reads the files again whenever they change, or `reload` says so. Files that do not fit
    /// together leave the certificate as it is.
    pub async fn keep_current(mut self, reload: Arc<Notify>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {
                    let stamps = [&self.cert, &self.key].map(|path| FileStamp::of(path));
                    if stamps == self.stamps {
                        continue;
                    }
                    self.stamps = stamps;
                }
                () = reload.notified() => {}
            }
            match self
                .config
                .reload_from_pem_file(&self.cert, &self.key)
                .await
            {
                Ok(()) => tracing::info!(cert = %self.cert.display(), "read the certificate again"),
                Err(error) => {
                    tracing::error!(%error, cert = %self.cert.display(), key = %self.key.display(), "cannot use the new certificate; still serving the previous one");
                }
            }
        }
    }
}
