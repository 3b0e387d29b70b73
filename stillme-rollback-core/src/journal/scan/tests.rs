use super::*;
use crate::testing::conformance::sample;

const RECORDS: u64 = 100;

/// A run's file, and for each line where it begins and the chain in front of it.
struct File {
    run: RunId,
    records: Vec<Record>,
    bytes: Vec<u8>,
    lines: Vec<(usize, Chain)>,
}

fn file() -> File {
    let run = sample::run(1);
    let records = sample::records(RECORDS);
    let mut chain = Chain::new(run);
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    for record in &records {
        lines.push((bytes.len(), chain.clone()));
        bytes.extend(chain.seal(record).unwrap().bytes());
    }
    File { run, records, bytes, lines }
}

impl File {
    /// The line that the byte is in.
    fn line_at(&self, byte: usize) -> usize {
        self.lines.partition_point(|(start, _)| *start <= byte) - 1
    }

    /// Reads the bytes from a line on, as a scan of all of them would do when it gets there.
    fn scan_from(&self, line: usize, bytes: &[u8]) -> Result<Scan> {
        let (start, chain) = &self.lines[line];
        Scan::behind(chain.clone(), &bytes[*start..])
    }
}

#[test]
fn a_whole_file_is_read_whole() {
    let file = file();
    let scan = Scan::of(file.run, &file.bytes).unwrap();
    assert_eq!(scan.records, file.records);
    assert_eq!((scan.sound, scan.torn), (file.bytes.len(), 0));
    assert_eq!(Scan::of(file.run, b"").unwrap().records, []);
}

/// Cut after every byte: exactly the whole lines before the cut, never more, never less.
#[test]
fn every_cut_leaves_exactly_the_whole_records() {
    let file = file();
    for cut in 0..file.bytes.len() {
        let line = file.line_at(cut);
        let start = file.lines[line].0;
        let scan = file.scan_from(line, &file.bytes[..cut]).unwrap();
        assert_eq!(scan.records, [], "cut {cut}");
        assert_eq!((scan.sound, scan.torn), (0, cut - start), "cut {cut}");
        // Once a line (and at its borders) from the first byte on.
        if cut - start <= 1 || cut % 211 == 0 {
            let whole = Scan::of(file.run, &file.bytes[..cut]).unwrap();
            assert_eq!(whole.records, file.records[..line], "cut {cut}");
            assert_eq!((whole.sound, whole.torn), (start, cut - start), "cut {cut}");
        }
    }
    println!("{} cuts of {RECORDS} records: 0 wrong", file.bytes.len());
}

/// Every bit flipped: refused by its line's number. In the last line, and only there, a flip may
/// instead look like a torn record, which drops that one record and no other.
#[test]
fn every_flipped_bit_is_found() {
    let file = file();
    let last = file.lines.len() - 1;
    let (mut refused, mut torn) = (0, 0);
    let mut bytes = file.bytes.clone();
    for byte in 0..bytes.len() {
        let line = file.line_at(byte);
        for bit in 0..8 {
            bytes[byte] ^= 1 << bit;
            let whole = (byte * 8 + bit) % 1013 == 0;
            let scan =
                if whole { Scan::of(file.run, &bytes) } else { file.scan_from(line, &bytes) };
            match scan {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {byte} bit {bit}");
                    let says = format!("line {} is damaged", line + 1);
                    assert_eq!(error.message(), says, "byte {byte} bit {bit}");
                    refused += 1;
                }
                Ok(scan) => {
                    let before = if whole { last } else { 0 };
                    assert_eq!(line, last, "byte {byte} bit {bit}: accepted");
                    assert_eq!(scan.records, file.records[..before], "byte {byte} bit {bit}");
                    assert_eq!(scan.torn, file.bytes.len() - file.lines[last].0);
                    torn += 1;
                }
            }
            bytes[byte] ^= 1 << bit;
        }
    }
    assert_eq!(bytes, file.bytes);
    println!(
        "{} flips of {RECORDS} records: {refused} refused by line, {torn} in the last one taken as torn, 0 wrong",
        refused + torn
    );
}

#[test]
fn what_an_append_can_leave_is_a_torn_tail() {
    let file = file();
    let (start, _) = file.lines[99];
    let (sound, line) = file.bytes.split_at(start);
    let holes = {
        let mut holes = line.to_vec();
        holes[20..60].fill(0);
        holes
    };
    for (what, tail) in [
        ("nothing", Vec::new()),
        ("NULs", vec![0; 100_000]),
        ("a beginning", line[..50].to_vec()),
        ("a beginning with NULs behind it", [&line[..50], &[0; 4000]].concat()),
        ("all but its break", line[..line.len() - 1].to_vec()),
        ("all but its break, which is NUL", [&line[..line.len() - 1], &[0]].concat()),
        ("a later block alone", holes),
        ("garbage", vec![0xff; 300]),
    ] {
        let bytes = [sound, &tail].concat();
        let scan = Scan::of(file.run, &bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(scan.records, file.records[..99], "{what}");
        assert_eq!((scan.sound, scan.torn), (start, tail.len()), "{what}");
    }
}

#[test]
fn what_an_append_cannot_leave_is_damage() {
    let file = file();
    let (start, _) = file.lines[98];
    let (sound, two) = file.bytes.split_at(start);
    let (one, other) = two.split_at(file.lines[99].0 - start);
    let damaged = |line: &[u8]| {
        let mut line = line.to_vec();
        line[40] ^= 1;
        line
    };
    for (what, tail) in [
        ("a damaged line before a good one", [damaged(one), other.to_vec()].concat()),
        ("two damaged lines", [damaged(one), damaged(other)].concat()),
        ("one damaged line, there to its end", damaged(one)),
        (
            "a good line before a break that became something else",
            [&one[..one.len() - 1], b"x", &damaged(other)].concat(),
        ),
        ("one whose break became something else", [&one[..one.len() - 1], b"x"].concat()),
        ("more garbage than an append has bytes", vec![0xff; MAX_FILE as usize / 2]),
        ("NULs before a good line", [&[0; 512], other].concat()),
        ("an empty line", b"\n".to_vec()),
    ] {
        let bytes = [sound, &tail].concat();
        let error = Scan::of(file.run, &bytes).map(|scan| scan.torn).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
        assert_eq!(error.message(), "line 99 is damaged", "{what}");
    }
}

#[test]
fn a_missing_line_is_found() {
    let file = file();
    let (start, end) = (file.lines[50].0, file.lines[51].0);
    let bytes = [&file.bytes[..start], &file.bytes[end..]].concat();
    let error = Scan::of(file.run, &bytes).unwrap_err();
    assert_eq!(error.message(), "line 51 has seq 51 where 50 is next");
}
