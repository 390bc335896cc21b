//! The network of a run: the client, what servers have answered about themselves, and the thread that waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::names::OutputFolder;
use super::options::Options;
use super::service::auth::Admissions;
use super::service::limits::KnownHosts;
use crate::error::Error;
use crate::files;
use crate::http::{Client, HostStats};
use crate::workers::Shard;

/// How long requests in progress get to end when a run is stopped, and blocking work after that: less than two seconds
/// in all.
pub const GRACE: Duration = Duration::from_millis(800);

/// What it takes to ask servers.
pub struct Network {
    runtime: tokio::runtime::Runtime,
    /// The servers, as far as they are known.
    pub servers: Servers,
}

/// The client, and what servers have answered.
pub struct Servers {
    /// Sends requests.
    pub client: Client,
    /// What services are, and whether they grant access.
    pub admissions: Admissions,
    /// How large the answers of hosts may be.
    pub known: KnownHosts,
}

/// What a run has learnt when it ends.
pub struct NetworkSummary {
    /// Statistics of each host, by name.
    pub hosts: Vec<(String, HostStats)>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// The file in which requests without `--contact` are counted, by host.
const ANONYMOUS: &str = "unsigned.json";

impl Network {
    /// A network for a run that will ask `hosts` (`name:port`).
    ///
    /// # Errors
    /// If the client cannot be set up as the options say.
    pub fn open(
        options: &Options,
        hosts: &BTreeSet<String>,
        folder: &OutputFolder,
    ) -> Result<Self, Error> {
        // Connections and files count alike; the usual limit of a shell is too low for many.
        files::most_open();
        // One thread for the network: an answer wakes no other thread. Work on pixels and disk is done beside it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let workers = options.part().map_or((0, 1), Shard::workers);
        let mut client = Client::new(&options.http.shared_by(workers), hosts)?;
        client.for_images(options.jobs);
        client.continue_anonymous(anonymous(&folder.work));
        Ok(Network {
            runtime: runtime
                .map_err(|e| Error::new("the network runtime cannot be started").because(e))?,
            servers: Servers {
                client,
                admissions: Admissions::default(),
                known: KnownHosts::open(folder.work.join("caps.json")),
            },
        })
    }

    /// Runs asynchronous work to its end.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Ends it, and saves what the next run should know.
    pub fn close(self, folder: &OutputFolder) -> NetworkSummary {
        // Work in blocking threads ends on its own; none of it publishes anything after this.
        self.runtime.shutdown_timeout(GRACE);
        let client = self.servers.client;
        save_anonymous(&folder.work, &client.anonymous());
        NetworkSummary {
            hosts: client.stats(),
            notes: client.closing_notes().collect(),
        }
    }
}

/// Requests without `--contact` of earlier runs.
fn anonymous(work: &Path) -> BTreeMap<String, u64> {
    let saved = std::fs::read(work.join(ANONYMOUS)).ok();
    let saved = saved.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    saved.unwrap_or_default()
}

/// Saves them for the next run. If that fails, the next run counts from the start.
fn save_anonymous(work: &Path, anonymous: &BTreeMap<String, u64>) {
    if !anonymous.is_empty() {
        let _ = files::write_json(&work.join(ANONYMOUS), anonymous);
    }
}
