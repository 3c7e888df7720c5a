#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jelou_fuzz::headers(data));
