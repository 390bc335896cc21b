#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| recto_fuzz::checked(bytes));
