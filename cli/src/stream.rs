//! Files and standard input as text: what people have at hand, in UTF-8.
//!
//! A path of `-` is standard input, for every option that reads a file. Files may be compressed (gzip), and may be in
//! UTF-16, as Windows PowerShell's `>` writes them.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::exit::CommandError;

/// The first bytes of a gzip file.
///
/// See [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952), section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The byte-order marks: of UTF-8, of UTF-16 in both orders, and of UTF-32 in the order that begins like UTF-16.
const UTF_8: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF_16_LE: [u8; 2] = [0xff, 0xfe];
const UTF_16_BE: [u8; 2] = [0xfe, 0xff];
const UTF_32_LE: [u8; 4] = [0xff, 0xfe, 0, 0];

/// Whether the path means standard input or standard output.
pub fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The name of an input in messages.
pub fn name(path: &Path) -> String {
    if is_stream(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Makes sure that at most one of these options, each with its path, reads standard input.
///
/// # Errors
/// Two of them do.
pub fn check_one_reader<'a>(
    readers: impl IntoIterator<Item = (&'static str, &'a Path)>,
) -> Result<(), CommandError> {
    let mut readers = readers.into_iter().filter(|(_, path)| is_stream(path));
    let (Some((first, _)), Some((second, _))) = (readers.next(), readers.next()) else {
        return Ok(());
    };
    Err(CommandError::new(
        &format!("standard input can be read only once, and both {first} and {second} are -"),
        "Give the path of a file for one of them.",
    ))
}

/// The text of a file or of standard input, and its probable size in bytes, 0 if that is not known.
///
/// # Errors
/// It cannot be opened, or its beginning cannot be read.
pub fn open(path: &Path) -> io::Result<(Box<dyn Read>, u64)> {
    if is_stream(path) {
        return Ok((text(io::stdin())?, 0));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    Ok((text(file)?, metadata.len()))
}

/// The whole text of a file or of standard input.
///
/// # Errors
/// It cannot be read, or is not a text ([`ErrorKind::InvalidData`]).
pub fn read(path: &Path) -> io::Result<String> {
    let mut whole = String::new();
    open(path)?.0.read_to_string(&mut whole)?;
    Ok(whole)
}

/// The input, decompressed, in UTF-8, without a byte-order mark.
fn text(input: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let (start, input) = peek(input)?;
    if !start.starts_with(&GZIP) {
        return utf_8(&start, input);
    }
    // Several gzip files one after the other are a gzip file too.
    let (start, input) = peek(MultiGzDecoder::new(input))?;
    utf_8(&start, input)
}

/// The first bytes of the input, and all of it.
fn peek<R: Read>(mut input: R) -> io::Result<(Vec<u8>, impl Read + use<R>)> {
    let mut start = Vec::new();
    input.by_ref().take(4).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(input)))
}

fn utf_8(start: &[u8], mut input: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let invalid = |what: &str| Err(io::Error::new(ErrorKind::InvalidData, what));
    if start.starts_with(&UTF_8) {
        input.read_exact(&mut [0; UTF_8.len()])?;
        return Ok(Box::new(input));
    }
    if start.starts_with(&UTF_32_LE) {
        return invalid("it is in UTF-32, not in UTF-8 or UTF-16");
    }
    let unit: fn([u8; 2]) -> u16 = if start.starts_with(&UTF_16_LE) {
        u16::from_le_bytes
    } else if start.starts_with(&UTF_16_BE) {
        u16::from_be_bytes
    } else if matches!(start, [0, _, ..] | [_, 0, ..]) {
        return invalid("it looks like UTF-16, but has no byte-order mark");
    } else {
        return Ok(Box::new(input));
    };
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair)).skip(1);
    match char::decode_utf16(units).collect::<Result<String, _>>() {
        Ok(text) if rest.is_empty() => Ok(Box::new(Cursor::new(text))),
        _ => invalid("it begins like UTF-16, but is not"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use rstest::rstest;

    use super::*;

    const TEXT: &str = "{\"Owner\": \"ann\", \"é\": \"\u{1f4bb}\"}";

    fn encoded(mark: &[u8], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = TEXT.encode_utf16().flat_map(bytes);
        mark.iter().copied().chain(units).collect()
    }

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn whole(bytes: Vec<u8>) -> io::Result<String> {
        let mut whole = String::new();
        text(Cursor::new(bytes))?.read_to_string(&mut whole)?;
        Ok(whole)
    }

    #[test]
    fn reads_what_people_have_at_hand() {
        let utf_8 = [&UTF_8[..], TEXT.as_bytes()].concat();
        for bytes in [
            TEXT.as_bytes().to_vec(),
            utf_8,
            encoded(&UTF_16_LE, u16::to_le_bytes),
            encoded(&UTF_16_BE, u16::to_be_bytes),
        ] {
            assert_eq!(whole(compressed(&bytes)).unwrap(), TEXT, "{bytes:?}");
            assert_eq!(whole(bytes).unwrap(), TEXT);
        }
        let halves = TEXT.split_at(7);
        let two = [
            compressed(halves.0.as_bytes()),
            compressed(halves.1.as_bytes()),
        ];
        assert_eq!(whole(two.concat()).unwrap(), TEXT);
        for short in ["", "1", "[]", "{}\n"] {
            assert_eq!(whole(short.into()).unwrap(), short);
        }
    }

    #[rstest]
    #[case(&[0xff, 0xfe, 0, 0, 65, 0, 0, 0], "it is in UTF-32")]
    #[case(&[0xff, 0xfe, 0, 0xd8], "it begins like UTF-16, but is not")]
    #[case(&[0xff, 0xfe, 65, 0, 65], "it begins like UTF-16, but is not")]
    #[case(&[65, 0, 65, 0], "it looks like UTF-16, but has no byte-order mark")]
    #[case(&[0, 65, 0, 65], "it looks like UTF-16, but has no byte-order mark")]
    fn names_other_encodings(#[case] bytes: &[u8], #[case] expected: &str) {
        let error = whole(bytes.to_vec()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn notices_a_compressed_file_that_was_cut_off() {
        let mut bytes = compressed(TEXT.as_bytes());
        bytes.truncate(bytes.len() - 9);
        assert!(whole(bytes).is_err());
    }

    #[test]
    fn standard_input_has_one_reader() {
        let readers = |paths: [&'static str; 3]| {
            let options = ["--policy", "--against", "--instances"];
            check_one_reader(options.into_iter().zip(paths.map(Path::new)))
        };
        readers(["a", "b", "c"]).unwrap();
        readers(["a", "-", "c"]).unwrap();
        let Err(CommandError::Failed { what, .. }) = readers(["-", "b", "-"]) else {
            panic!("two readers are none too many");
        };
        assert_eq!(
            what,
            "standard input can be read only once, and both --policy and --instances are -"
        );
    }
}
