//! Where the certificates of authorities come from that answers are verified with.

/// How many certificates the system has, or the file or folder that `SSL_CERT_FILE` or `SSL_CERT_DIR` names, and why others
/// cannot be read.
pub fn trusted() -> (usize, Vec<String>) {
    let found = rustls_native_certs::load_native_certs();
    let errors = found.errors.iter().map(ToString::to_string);
    (found.certs.len(), errors.collect())
}
