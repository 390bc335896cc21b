//! `recto-shard plan`: reads a set, divides it, and writes the folder of the plan.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use hashbrown::DefaultHashBuilder;

use super::divide::{Unit, divide};
use super::options::PlanOptions;
use crate::contracts::{self, Contract, ImageRecords, LocalizedImage, Parts};
use crate::contracts::{PlannedHost, PlannedShard, SetFolder, ShardPlan};
use crate::download::names::{Naming, hash_of, source_uri};
use crate::error::Error;
use crate::files;
use crate::http::{self, Archives, server_of};
use crate::summary::{Summary, counted};

/// What is kept of an image.
struct PlannedImage {
    /// The key of its group at its host.
    unit: u64,
    /// A hash of its service, whose `info.json` is requested once.
    service: Option<u64>,
    /// The key of its name, and of that in a pack.
    names: [u64; 2],
    /// A hash of its id.
    id: u64,
}

/// A set as it is read, with what is kept of each image.
struct Read {
    records: ImageRecords,
    entries: Vec<PlannedImage>,
    /// The hosts of units, by their keys.
    hosts: HashMap<u64, String>,
}

/// Divides a set among shards and writes the folder of the plan.
///
/// # Errors
/// The set or the table of archives cannot be read, the folder holds something other than a plan, or cannot be written.
pub fn plan(options: &PlanOptions, summary: &mut Summary) -> Result<(), Error> {
    may_replace(&options.output)?;
    let Read {
        records,
        entries,
        hosts,
    } = read(options)?;
    refuse_twice(&records, &entries)?;
    let (units, requests) = units_of(&entries, hosts);
    let shards = options.shards as usize;
    let shard_of_unit: HashMap<u64, usize> = {
        let dealt = divide(&units, shards, at_once(options)?);
        units.iter().map(|unit| unit.key).zip(dealt).collect()
    };
    let mut images_of: Vec<Vec<u32>> = vec![Vec::new(); shards];
    for (at, entry) in (0..).zip(&entries) {
        images_of[shard_of_unit[&entry.unit]].push(at);
    }
    let mut plan = ShardPlan {
        contract: ShardPlan::NAME.into(),
        version: ShardPlan::VERSION,
        set_sha256: hash_of_set(&options.localizations),
        images: records.len() as u64,
        requests,
        shared_names: shared_names(entries.iter().map(|entry| entry.names[0])),
        shared_names_in_packs: Some(shared_names(entries.iter().map(|entry| entry.names[1]))),
        shards: Vec::new(),
    };
    let mut folder = files::Folder::create(&options.output)?;
    let hosts = hosts_of(&units, &shard_of_unit, shards);
    for (number, (hosts, images)) in hosts.into_iter().zip(images_of).enumerate() {
        plan.shards.push(PlannedShard {
            file: write_shard(&mut folder, number, &records, &images)?,
            sha256: String::new(),
            images: hosts.iter().map(|host| host.images).sum(),
            requests: hosts.iter().map(|host| host.requests).sum(),
            hosts,
        });
    }
    // In the order of their paths, which is that of their numbers.
    let mut unhashed = plan.shards.iter_mut();
    folder.each_written(|written| {
        if let Some(shard) = unhashed.next() {
            shard.sha256 = files::hex(&written.sha256);
        }
        Ok(())
    })?;
    folder.put(ShardPlan::FILE, &files::to_json(&plan, ShardPlan::FILE)?)?;
    folder.publish()?;
    tell(options, &plan, records.others.rejects.clone(), summary);
    Ok(())
}

fn read(options: &PlanOptions) -> Result<Read, Error> {
    let namings = [false, true].map(|is_dotless| Naming::new(None, is_dotless));
    let hasher = DefaultHashBuilder::default();
    let hosts = Mutex::new(HashMap::new());
    let (records, entries) = ImageRecords::open_with(
        &options.localizations,
        Parts::NoBoxesNoMetadata,
        |image: &LocalizedImage| {
            let uri = source_uri(image).unwrap_or_default();
            let url = url::Url::parse(&http::rewritten(&options.rewrite, uri)).ok();
            let host = url.as_ref().and_then(server_of).unwrap_or_default();
            let unit = hash_of(&format!("{host}\n{}", image.group));
            let mut hosts = hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.entry(unit).or_insert(host);
            let service = image.image.service.as_ref();
            PlannedImage {
                unit,
                service: service.map(|service| hash_of(&service.id)),
                names: [0, 1].map(|n: usize| Naming::key(&namings[n].plain(image))),
                id: hasher.hash_one(&image.id),
            }
        },
    )?;
    if records.is_empty() {
        let name = options.localizations.display();
        return Err(Error::new(format!("{name}: there are no images to divide")));
    }
    Ok(Read {
        records,
        entries,
        hosts: hosts.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

/// How many requests at once a host allows.
fn at_once(options: &PlanOptions) -> Result<impl Fn(&str) -> u64 + use<>, Error> {
    let archives = Archives::open(options.archives.as_deref())?;
    let whole_hosts = options.whole_hosts;
    Ok(move |host: &str| {
        let domain = host.rsplit_once(':').map_or(host, |(domain, _)| domain);
        let known = archives.find(domain).map(|(limit, _)| limit.at_once);
        match whole_hosts {
            true => 1,
            false => known.unwrap_or(http::USUAL_PER_HOST).into(),
        }
    })
}

/// Of a set in parts the hash of the file that names them with theirs; none of standard input.
fn hash_of_set(path: &Path) -> String {
    let hashed = match contracts::is_set_folder(path) {
        true => path.join(SetFolder::FILE),
        false => path.to_owned(),
    };
    files::sha256_of_file(&hashed).unwrap_or_default()
}

/// Writes the images of a shard as they stand in the set; gives the name of the file.
fn write_shard(
    folder: &mut files::Folder,
    number: usize,
    records: &ImageRecords,
    images: &[u32],
) -> Result<String, Error> {
    let path = format!("{}.json", ShardPlan::folder(number));
    let mut failed = None;
    let mut out = FileOf {
        folder,
        path: &path,
    };
    let written = contracts::write_localizations(&mut out, &records.others.taxonomy, |put| {
        for at in images {
            match records.element(*at as usize) {
                Ok(element) => put(&element)?,
                Err(error) => {
                    failed = Some(error);
                    return Ok(());
                }
            }
        }
        Ok(())
    });
    match failed {
        Some(error) => Err(error),
        None => {
            written.map_err(|e| files::cannot_write(Path::new(&path), e))?;
            folder.close(&path)?;
            Ok(path)
        }
    }
}

/// A file of a folder that is being built.
struct FileOf<'a> {
    folder: &'a mut files::Folder,
    path: &'a str,
}

impl std::io::Write for FileOf<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let appended = self.folder.append(self.path, bytes);
        appended.map_err(|e| std::io::Error::other(e.line()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Only a plan is replaced, and only where nothing else lies in its folder.
fn may_replace(output: &Path) -> Result<(), Error> {
    files::may_replace(output, ShardPlan::FILE, || {
        let plan: ShardPlan = contracts::read(&output.join(ShardPlan::FILE))?;
        Ok(Box::new(move |path| {
            plan.shards.iter().any(|shard| shard.file == path)
        }))
    })
}

/// The groups of hosts, by key, and the requests that all images take.
fn units_of(entries: &[PlannedImage], mut hosts: HashMap<u64, String>) -> (Vec<Unit>, u64) {
    let mut units: BTreeMap<u64, Unit> = BTreeMap::new();
    let mut services = HashSet::new();
    let mut requests = 0;
    for entry in entries {
        let info = entry
            .service
            .is_some_and(|service| services.insert(service));
        let takes = 1 + u64::from(info);
        requests += takes;
        let unit = units.entry(entry.unit).or_insert_with(|| Unit {
            host: hosts.remove(&entry.unit).unwrap_or_default(),
            key: entry.unit,
            ..Unit::default()
        });
        unit.images += 1;
        unit.requests += takes;
    }
    (units.into_values().collect(), requests)
}

/// The keys of names that several images have, as digits.
fn shared_names(keys: impl Iterator<Item = u64>) -> Vec<String> {
    let shared = Naming::several(keys.collect()).into_iter();
    shared.map(|key| format!("{key:016x}")).collect()
}

/// Ids are unique by contract: two workers would download one image each, and the set would never be complete.
fn refuse_twice(records: &ImageRecords, entries: &[PlannedImage]) -> Result<(), Error> {
    let mut ids: Vec<(u64, usize)> = (0..)
        .zip(entries)
        .map(|(at, entry)| (entry.id, at))
        .collect();
    ids.sort_unstable();
    for pair in ids.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let [one, other] = [pair[0], pair[1]].map(|(_, at)| records.get(at));
        let one = one?.id;
        if one == other?.id {
            return Err(Error::new(format!("image id `{one}` occurs twice"))
                .hint("write the file again with recto-extract"));
        }
    }
    Ok(())
}

/// The hosts of each shard, by name.
fn hosts_of(
    units: &[Unit],
    shard_of: &HashMap<u64, usize>,
    shards: usize,
) -> Vec<Vec<PlannedHost>> {
    let mut hosts: Vec<BTreeMap<&str, PlannedHost>> = vec![BTreeMap::new(); shards];
    let mut shards_of: BTreeMap<&str, HashSet<usize>> = BTreeMap::new();
    for unit in units {
        let shard = shard_of[&unit.key];
        shards_of.entry(&unit.host).or_default().insert(shard);
        let host = hosts[shard]
            .entry(&unit.host)
            .or_insert_with(|| PlannedHost {
                host: unit.host.clone(),
                images: 0,
                requests: 0,
                shared_by: 1,
            });
        host.images += unit.images;
        host.requests += unit.requests;
    }
    let counted = |mut host: PlannedHost| {
        host.shared_by = shards_of[&*host.host].len() as u64;
        host
    };
    let of_shard = |hosts: BTreeMap<&str, PlannedHost>| hosts.into_values().map(counted).collect();
    hosts.into_iter().map(of_shard).collect()
}

fn tell(
    options: &PlanOptions,
    plan: &ShardPlan,
    unusable: Vec<crate::summary::Reject>,
    summary: &mut Summary,
) {
    summary.read = plan.images + unusable.len() as u64;
    summary.kept = plan.images;
    summary.rejects = unusable.into();
    let hosts: BTreeMap<&str, u64> = plan
        .shards
        .iter()
        .flat_map(|shard| &shard.hosts)
        .map(|host| (&*host.host, host.shared_by))
        .collect();
    summary.count("images", plan.images);
    summary.count("hosts", hosts.len() as u64);
    summary.count("requests", plan.requests);
    let requests = || plan.shards.iter().map(|shard| shard.requests);
    let (least, most) = (requests().min().unwrap_or(0), requests().max().unwrap_or(0));
    summary.notes.push(format!(
        "requests per shard: {least} to {most}, {} in all",
        plan.requests
    ));
    let divided: Vec<String> = hosts
        .iter()
        .filter(|(_, shards)| **shards > 1)
        .map(|(host, shards)| {
            format!("{host} in {shards} shards, each with a part of its rate limit")
        })
        .collect();
    summary.notes.extend(divided);
    let empty = plan.shards.iter().filter(|shard| shard.images == 0).count();
    if empty > 0 {
        let shards = counted(empty as u64, "shard is empty", "shards are empty");
        summary.notes.push(format!(
            "{shards}: a host stands in one shard, or in as many as it allows requests at once, and a group is never divided"
        ));
    }
    summary.done = format!(
        "{} in {} of {}",
        counted(plan.images, "image", "images"),
        counted(plan.shards.len() as u64, "shard", "shards"),
        options.output.display()
    );
    summary.hint = Some(format!(
        "recto-download {} OUT --shard 0/{} downloads the first; recto-shard merge OUT merges them",
        contracts::quoted_path(&options.output),
        plan.shards.len()
    ));
}
