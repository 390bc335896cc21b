//! Why a request was not answered as it should be: one error type for the client and for all who use it.

use std::fmt;

use super::url_secrets::without_secrets;

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The class.
    pub kind: Kind,
    /// HTTP status of the last attempt; none where no answer came, or where the error is not about an answer.
    pub status: Option<u16>,
    /// Requests made.
    pub attempts: u32,
    /// What happened, in one line without a final period.
    pub message: String,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error {
            kind,
            status: None,
            attempts: 0,
            message: message.into(),
        }
    }

    /// What a status that is not a success means.
    pub fn of_status(status: u16) -> Self {
        let (kind, words) = match status {
            404 | 410 => (Kind::NotFound, NOT_FOUND),
            401 | 403 | 451 => (Kind::Forbidden, NOT_ALLOWED),
            429 => (Kind::TooMany, "too many requests"),
            408 => (Kind::Timeout, "the server waited too long for the request"),
            425 => (Kind::Server, "too early"),
            501 | 505 | 506 | 510 => (Kind::Status, "the server does not support this request"),
            500.. => (Kind::Server, "server error"),
            _ => (Kind::Status, "refused"),
        };
        Error::new(kind, format!("{words} (HTTP {status})")).with_status(status)
    }

    /// Access is not granted.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Error::new(Kind::Forbidden, message)
    }

    /// The host is not asked again in this run, for a reason of this class.
    pub fn host_stopped(kind: Kind, message: impl Into<String>) -> Self {
        Error::new(kind, message)
    }

    /// What the server answers is not HTTP, or leads nowhere.
    pub fn protocol(message: impl Into<String>) -> Self {
        Error::new(Kind::Protocol, message)
    }

    /// The connection failed.
    pub fn network(message: impl Into<String>) -> Self {
        Error::new(Kind::Network, message)
    }

    /// No connection to `peer`: a host, or a proxy on the way to it. `cause` follows as it is.
    pub fn unreachable(peer: &str, cause: &str) -> Self {
        Error::network(format!("{peer} {UNREACHABLE}{cause}"))
    }

    /// The certificate of `host` cannot be verified. `cause` follows as it is.
    pub fn certificate(host: &str, cause: &str) -> Self {
        Error::new(
            Kind::Certificate,
            format!("{CERTIFICATE} {host} cannot be verified{cause}"),
        )
    }

    /// Nothing, or almost nothing, arrived for too long.
    pub fn timeout(message: impl Into<String>) -> Self {
        Error::new(Kind::Timeout, message)
    }

    /// Fewer bytes came than were announced.
    pub fn truncated(message: impl Into<String>) -> Self {
        Error::new(Kind::Truncated, message)
    }

    /// As many bytes came as were announced, and the image in them ends early or has an error.
    pub fn damaged(message: impl Into<String>) -> Self {
        Error::new(Kind::Damaged, message)
    }

    /// The same about a body whose length was not announced: bytes may be missing.
    pub fn of_unknown_length(mut self) -> Self {
        if self.kind == Kind::Damaged {
            self.kind = Kind::Truncated;
        }
        self
    }

    /// The image answered is not of the size requested.
    pub fn wrong_size(message: impl Into<String>) -> Self {
        Error::new(Kind::WrongSize, message)
    }

    /// The image is smaller than the user wants.
    pub fn too_small(message: impl Into<String>) -> Self {
        Error::new(Kind::TooSmall, message)
    }

    /// The answer is not an image.
    pub fn not_an_image(message: impl Into<String>) -> Self {
        Error::new(Kind::NotAnImage, message)
    }

    /// A document, such as `info.json`, cannot be used.
    pub fn info(message: impl Into<String>) -> Self {
        Error::new(Kind::Info, message)
    }

    /// recto or the server does not support what is needed.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::new(Kind::Unsupported, message)
    }

    /// The body is larger than the request accepts.
    pub fn too_large(max_bytes: u64) -> Self {
        Error::unsupported(format!("{TOO_LARGE} {max_bytes} bytes"))
    }

    /// Whether the body is larger than the request accepts.
    pub fn is_too_large(&self) -> bool {
        self.kind == Kind::Unsupported && self.message.starts_with(TOO_LARGE)
    }

    /// The file is not the one that the source declares.
    pub fn checksum(message: impl Into<String>) -> Self {
        Error::new(Kind::Checksum, message)
    }

    /// robots.txt does not allow the request.
    pub fn robots(message: impl Into<String>) -> Self {
        Error::new(Kind::Robots, message)
    }

    /// The owner reserves the image against text and data mining; `declared` is how.
    pub fn reserved(declared: &str) -> Self {
        let message = format!(
            "its owner opts out of text and data mining ({declared}); --ignore-opt-out downloads it anyway"
        );
        Error::new(Kind::Reserved, message)
    }

    /// `--budget` is used up after what `spent` says.
    pub fn budget(spent: &str) -> Self {
        let message = format!("not requested: --budget is used up after {spent}");
        Error::new(Kind::Budget, message)
    }

    /// The same about a request whose answer was coming.
    pub fn within_answer(mut self) -> Self {
        self.message = self
            .message
            .replacen("not requested", "stopped within its answer", 1);
        self
    }

    /// The disk failed.
    pub fn disk(message: impl Into<String>) -> Self {
        Error::new(Kind::Disk, message)
    }

    /// The same, with what the server says about it and, where redirects led to another URL, that URL.
    pub fn with_words(mut self, said: &str, moved: Option<&str>) -> Self {
        if !said.is_empty() {
            self.message += &format!("; the server says: {said}");
        }
        if let Some(url) = moved {
            self.message += &format!("; redirected to {}", without_secrets(url));
        }
        self
    }

    /// The same, about an answer with this status.
    pub fn with_status(self, status: u16) -> Self {
        Error {
            status: Some(status),
            ..self
        }
    }

    /// The same, after so many requests.
    pub fn with_attempts(self, attempts: u32) -> Self {
        Error { attempts, ..self }
    }

    /// The same, with what it is about in front: `info.json: not found (HTTP 404)`.
    pub fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

const TOO_LARGE: &str = "the answer is larger than";
const NOT_FOUND: &str = "not found";
const NOT_ALLOWED: &str = "not allowed";
const UNREACHABLE: &str = "cannot be reached";
const CERTIFICATE: &str = "the certificate of";

/// Classes of errors; `failures.csv` and `--retry-failed` name them by [`Kind::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 404, 410.
    NotFound,
    /// 401, 403, 451.
    Forbidden,
    /// 429.
    TooMany,
    /// 5xx.
    Server,
    /// Any other status that is not a success.
    Status,
    /// No connection, no such host, a connection that broke.
    Network,
    /// A head that is not valid HTTP, redirects without end: asked for again once, since connections garble answers too.
    Protocol,
    /// The certificate of the host cannot be verified.
    Certificate,
    /// No byte arrived for too long.
    Timeout,
    /// Fewer bytes than announced, or an image that ends in the middle where none are announced.
    Truncated,
    /// An image that ends in the middle, or has an error, although all bytes came.
    Damaged,
    /// An image of another size than was requested.
    WrongSize,
    /// Not an image: an HTML page, JSON, nothing.
    NotAnImage,
    /// `info.json` that cannot be used.
    Info,
    /// Something that recto or the server does not support: a URL scheme, regions.
    Unsupported,
    /// The file is not the one that the source declares: another SHA-256.
    Checksum,
    /// robots.txt forbids it.
    Robots,
    /// Its owner opts out of text and data mining.
    Reserved,
    /// `--budget` is used up.
    Budget,
    /// The disk failed.
    Disk,
    /// The file is a placeholder, which the user leaves out.
    Placeholder,
    /// The image is smaller than the user wants.
    TooSmall,
}

impl Kind {
    /// Whether another run may get further, as far as the server is concerned.
    pub fn may_pass(self) -> bool {
        match self {
            Kind::TooMany
            | Kind::Server
            | Kind::Network
            | Kind::Timeout
            | Kind::Truncated
            | Kind::Budget => true,
            Kind::NotFound
            | Kind::Forbidden
            | Kind::Status
            | Kind::Protocol
            | Kind::Certificate
            | Kind::Damaged
            | Kind::WrongSize
            | Kind::NotAnImage
            | Kind::Info
            | Kind::Unsupported
            | Kind::Checksum
            | Kind::Robots
            | Kind::Reserved
            | Kind::Disk
            | Kind::Placeholder
            | Kind::TooSmall => false,
        }
    }

    /// All classes.
    pub const ALL: [Kind; 22] = [
        Kind::NotFound,
        Kind::Forbidden,
        Kind::TooMany,
        Kind::Server,
        Kind::Status,
        Kind::Network,
        Kind::Protocol,
        Kind::Certificate,
        Kind::Timeout,
        Kind::Truncated,
        Kind::Damaged,
        Kind::WrongSize,
        Kind::NotAnImage,
        Kind::Info,
        Kind::Unsupported,
        Kind::Checksum,
        Kind::Robots,
        Kind::Reserved,
        Kind::Budget,
        Kind::Disk,
        Kind::Placeholder,
        Kind::TooSmall,
    ];

    /// The word in `failures.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "not-found",
            Kind::Forbidden => "forbidden",
            Kind::TooMany => "too-many",
            Kind::Server => "server",
            Kind::Status => "status",
            Kind::Network => "network",
            Kind::Protocol => "protocol",
            Kind::Certificate => "certificate",
            Kind::Timeout => "timeout",
            Kind::Truncated => "truncated",
            Kind::Damaged => "damaged",
            Kind::WrongSize => "wrong-size",
            Kind::NotAnImage => "not-an-image",
            Kind::Info => "info",
            Kind::Unsupported => "unsupported",
            Kind::Checksum => "checksum",
            Kind::Robots => "robots",
            Kind::Reserved => "reserved",
            Kind::Budget => "budget",
            Kind::Disk => "disk",
            Kind::Placeholder => "placeholder",
            Kind::TooSmall => "too-small",
        }
    }

    /// Whether `problem` tells of an error of this class, as [`Error`] words it: of an error in a list of rejects only its
    /// words are left. Always false for classes whose errors have no words in common.
    pub fn is_told_by(self, problem: &str) -> bool {
        let of_status = |words| problem.contains(&format!("{words} (HTTP "));
        match self {
            Kind::NotFound => of_status(NOT_FOUND),
            Kind::Forbidden => of_status(NOT_ALLOWED),
            Kind::Network => problem.contains(UNREACHABLE),
            Kind::Certificate => problem.contains(CERTIFICATE),
            _ => false,
        }
    }

    /// Whether a request that failed so is sent again in the same run.
    pub fn is_retried(self) -> bool {
        matches!(
            self,
            Kind::TooMany
                | Kind::Server
                | Kind::Network
                | Kind::Protocol
                | Kind::Timeout
                | Kind::Truncated
                | Kind::Damaged
                | Kind::NotAnImage
                | Kind::Info
                | Kind::Checksum
        )
    }

    /// Whether servers fail in this way at answers that are too large for them.
    pub fn may_be_size(self) -> bool {
        matches!(
            self,
            Kind::Forbidden
                | Kind::Server
                | Kind::Timeout
                | Kind::Truncated
                | Kind::Damaged
                | Kind::NotAnImage
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_known_again_by_the_words_of_its_errors() {
        let told = [
            Kind::NotFound,
            Kind::Forbidden,
            Kind::Network,
            Kind::Certificate,
        ];
        let mut errors: Vec<Error> = (400..600).map(Error::of_status).collect();
        errors.push(Error::unreachable("a.example", ": no route"));
        errors.push(Error::certificate("a.example", ": expired"));
        for error in errors {
            let error = error.about("https://a.example/m.json");
            let found: Vec<Kind> = told
                .into_iter()
                .filter(|kind| kind.is_told_by(&error.message))
                .collect();
            let wanted: Vec<Kind> = told
                .into_iter()
                .filter(|kind| *kind == error.kind)
                .collect();
            assert_eq!(found, wanted, "{error}");
        }
    }
}
