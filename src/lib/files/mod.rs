//! The only module that creates files: atomic publishing, safe names, and reading inputs; on the disk, and in object stores.
//!
//! A half-written file never has its final name: bytes go to a temporary name in the same folder, are flushed to the
//! disk, and are then renamed. Where the name is a symbolic link, all that happens where the link leads.

mod atomic;
pub mod cache_file;
mod content;
mod csv_rows;
mod folder;
mod hash;
mod mount;
mod names;
mod objects;
mod owner;
mod pack;
mod part;
mod paths;
mod placed;
mod read_write;
mod scratch;
mod store;
mod stored_files;
mod stored_folder;
mod system;
mod written;

pub use atomic::{Atomic, rehearse, write, write_through};
pub use content::{Content, into_file};
pub use csv_rows::write_csv_through;
pub use folder::{Folder, files_below, is_same_file, may_replace, remove_helper};
pub use hash::{
    hash_number, hex, hex_digest, hex_digest_of, sha256, sha256_of_file, sha256_of_hex,
};
pub use names::{SafeName, is_device_name};
pub use objects::{
    Seen, copy_all_in_store, copy_in_store, create_in_store, list_in_store, read_all_in_store,
    remove_all_in_store, remove_in_store, replace_in_store, see_in_store, upload_new,
};
pub use owner::{is_gone as is_process_gone, mark as process_mark};
pub use pack::{KnownPack, PackWriter, Packed, is_numbered_pack};
pub use part::{Held, Part};
pub use paths::{
    cannot_write, folder_of, is_dash, is_device, is_path_within, is_there, landing,
    landing_or_path, path_between, real, refuse_overwriting,
};
pub use placed::place;
pub use read_write::{
    plain_cell, read, read_within, safe_cell, safe_csv, start, to_csv, to_json, write_csv,
    write_json,
};
pub use scratch::{Scratch, Span, TemporaryFolder, temporary_folder, unnamed};
pub use store::{bucket_of, is_in_store, open, put_to_store};
pub use stored_files::{StoredFiles, folders_in_store, is_folder_in_store};
pub use stored_folder::put_folder_to_store;
pub use system::{
    are_too_many_open, free_space, most_open, move_to, open_regular, open_to_append, place_of,
    remove_others, sync_folder,
};
pub use written::WrittenFile;
