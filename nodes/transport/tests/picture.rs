//! Pictures: held to libjpeg's decoding, to damage of every kind, and to having the same bits each time.

use std::path::PathBuf;

use isochron_transport::picture::{Encoding, PictureError, Size, decode_picture, picture_size};

/// The JPEG pictures that `pictures/make.c` made, by name.
const FORMS: [&str; 18] = [
    "grey",
    "grey-2x2",
    "444",
    "422",
    "420",
    "420-whole",
    "440",
    "411",
    "tiny",
    "restarts",
    "coarse",
    "exact",
    "separate-444",
    "progressive-grey",
    "progressive-444",
    "progressive-420",
    "progressive-restarts",
    "rgb",
];

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn decoded(bytes: &[u8], encoding: Encoding) -> Result<(Size, Vec<u8>), PictureError> {
    let size = picture_size(bytes)?;
    let mut out = vec![0xa5; size.height as usize * size.width as usize * encoding.channels()];
    decode_picture(bytes, encoding, size.height, size.width, &mut out)?;
    Ok((size, out))
}

/// Size and samples of a binary PGM or PPM.
fn portable_map(bytes: &[u8]) -> (Size, &[u8]) {
    let mut parts = bytes.splitn(4, |&byte| byte == b'\n');
    let _magic = parts.next();
    let line = String::from_utf8(parts.next().unwrap().to_vec()).unwrap();
    let (width, height) = line.split_once(' ').unwrap();
    let _most = parts.next();
    (Size { height: height.parse().unwrap(), width: width.parse().unwrap() }, parts.next().unwrap())
}

#[test]
fn every_form_of_jpeg_is_decoded_as_libjpeg_does() {
    // An inverse transform may round each sample up or down (±1), which the step to colours makes ±3, and rounds again.
    for (encoding, ending, worst_allowed) in [(Encoding::Rgb8, "ppm", 4), (Encoding::Mono8, "pgm", 1)] {
        for name in FORMS {
            let golden = file(&format!("{name}.{ending}"));
            let (size, expected) = portable_map(&golden);
            let (found, out) = decoded(&file(&format!("{name}.jpg")), encoding).unwrap();
            assert_eq!(found, size, "{name}");
            assert_eq!(out.len(), expected.len(), "{name}");
            let differences = || out.iter().zip(expected).map(|(ours, theirs)| ours.abs_diff(*theirs));
            assert!(differences().all(|difference| difference <= worst_allowed), "{name}.{ending}");
            let mean = differences().map(f64::from).sum::<f64>() / out.len() as f64;
            assert!(mean < 0.5, "{name}.{ending} differs by {mean} on average");
        }
    }
}

/// What a PNG of 13 × 7 pixels holds, and the PNG.
fn small_png(colour: ::png::ColorType, depth: ::png::BitDepth) -> (Vec<u8>, Vec<u8>) {
    let bits = colour.samples() * depth as usize;
    let pixels: Vec<u8> = (0..(13 * bits).div_ceil(8) * 7).map(|at| (at * 37 % 251) as u8).collect();
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 13, 7);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == ::png::ColorType::Indexed {
        encoder.set_palette((0..768).map(|at| (at * 7 % 256) as u8).collect::<Vec<u8>>());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    (pixels, bytes)
}

#[test]
fn a_png_becomes_grey_or_coloured_as_asked() {
    use ::png::{BitDepth, ColorType};
    let (rgb, bytes) = small_png(ColorType::Rgb, BitDepth::Eight);
    assert_eq!(decoded(&bytes, Encoding::Rgb8).unwrap(), (Size { height: 7, width: 13 }, rgb.clone()));
    let grey: Vec<u8> = rgb
        .chunks(3)
        .map(|pixel| {
            (0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])).round() as u8
        })
        .collect();
    let (_, found) = decoded(&bytes, Encoding::Mono8).unwrap();
    assert!(found.iter().zip(&grey).all(|(ours, exact)| ours.abs_diff(*exact) <= 1));

    let (grey, bytes) = small_png(ColorType::Grayscale, BitDepth::Eight);
    assert_eq!(decoded(&bytes, Encoding::Mono8).unwrap().1, grey);
    assert_eq!(
        decoded(&bytes, Encoding::Rgb8).unwrap().1,
        grey.iter().flat_map(|&level| [level; 3]).collect::<Vec<_>>()
    );

    let (with_alpha, bytes) = small_png(ColorType::Rgba, BitDepth::Eight);
    let without: Vec<u8> = with_alpha.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
    assert_eq!(decoded(&bytes, Encoding::Rgb8).unwrap().1, without);

    let (indices, bytes) = small_png(ColorType::Indexed, BitDepth::Eight);
    let looked_up: Vec<u8> = indices
        .iter()
        .flat_map(|&index| [0, 1, 2].map(|channel| ((usize::from(index) * 3 + channel) * 7 % 256) as u8))
        .collect();
    assert_eq!(decoded(&bytes, Encoding::Rgb8).unwrap().1, looked_up);
}

/// Every picture of the tests, JPEG and PNG.
fn all() -> Vec<(String, Vec<u8>)> {
    let jpegs = FORMS.map(|name| (name.to_owned(), file(&format!("{name}.jpg"))));
    let pngs = [::png::ColorType::Grayscale, ::png::ColorType::Rgb, ::png::ColorType::Rgba, ::png::ColorType::Indexed]
        .map(|colour| (format!("{colour:?}"), small_png(colour, ::png::BitDepth::Eight).1));
    jpegs.into_iter().chain(pngs).collect()
}

/// Those that are small enough to be cut everywhere.
fn small() -> impl Iterator<Item = (String, Vec<u8>)> {
    all().into_iter().filter(|(_, bytes)| bytes.len() < 2700)
}

#[test]
fn a_picture_cut_at_any_byte_is_an_error() {
    for (name, bytes) in small() {
        for cut in 0..bytes.len() {
            let error = decoded(&bytes[..cut], Encoding::Rgb8).err().unwrap_or_else(|| panic!("{name} cut at {cut}"));
            assert!(
                matches!(
                    error,
                    PictureError::Truncated(_)
                        | PictureError::Corrupt(_)
                        | PictureError::Form { .. }
                        | PictureError::TooLarge { .. }
                ),
                "{name} cut at {cut}: {error}"
            );
        }
    }
}

/// Where the coded data of a JPEG begin.
fn data_of(bytes: &[u8]) -> usize {
    let scan = bytes.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    scan + 2 + usize::from(bytes[scan + 3])
}

#[test]
fn a_jpeg_whose_data_stop_before_a_proper_end_is_an_error() {
    for name in FORMS {
        if name == "exact" {
            continue; // its 9,000 cuts show no more than the others'
        }
        let bytes = file(&format!("{name}.jpg"));
        // The last byte may hold padding alone.
        for cut in data_of(&bytes)..bytes.len() - 3 {
            let ended = [&bytes[..cut], &[0xff, 0xd9]].concat();
            assert!(decoded(&ended, Encoding::Mono8).is_err(), "{name} ended at {cut}");
        }
    }
}

#[test]
fn a_jpeg_with_bytes_left_over_is_an_error() {
    for name in FORMS {
        let bytes = file(&format!("{name}.jpg"));
        let (head, end) = bytes.split_at(bytes.len() - 2);
        let before = [head, &[0x12, 0x34], end].concat();
        assert!(matches!(decoded(&before, Encoding::Rgb8), Err(PictureError::Corrupt(_))), "{name}: before the end");
        let after = [&bytes[..], &[0x12, 0x34]].concat();
        assert!(matches!(decoded(&after, Encoding::Rgb8), Err(PictureError::Corrupt(_))), "{name}: after the end");
        let padded = [&bytes[..], &[0; 5]].concat();
        assert_eq!(decoded(&padded, Encoding::Rgb8), decoded(&bytes, Encoding::Rgb8), "{name}: padded with zeros");
    }
}

#[test]
fn restart_markers_that_are_missing_or_out_of_order_are_errors() {
    let bytes = file("restarts.jpg");
    let data = data_of(&bytes);
    let markers: Vec<usize> =
        (data..bytes.len() - 1).filter(|&at| bytes[at] == 0xff && (0xd0..0xd8).contains(&bytes[at + 1])).collect();
    assert!(!markers.is_empty());
    for at in markers {
        let mut other = bytes.clone();
        other[at + 1] = 0xd0 + (other[at + 1] - 0xd0 + 1) % 8;
        assert!(matches!(decoded(&other, Encoding::Rgb8), Err(PictureError::Corrupt(_))));
        let without = [&bytes[..at], &bytes[at + 2..]].concat();
        assert!(matches!(decoded(&without, Encoding::Rgb8), Err(PictureError::Corrupt(_))));
    }
}

/// A picture with one byte of its frame header changed.
fn with_frame_byte(name: &str, offset: usize, value: u8) -> Vec<u8> {
    let mut bytes = file(name);
    let frame = bytes.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0 | 0xc2)).unwrap();
    bytes[frame + offset] = value;
    bytes
}

#[test]
fn what_cannot_be_decoded_says_so_with_its_code() {
    let code = |bytes: &[u8]| decoded(bytes, Encoding::Rgb8).unwrap_err().code();
    let message = |bytes: &[u8]| decoded(bytes, Encoding::Rgb8).unwrap_err().to_string();
    assert_eq!(code(b""), "picture/form");
    assert_eq!(code(b"GIF89a"), "picture/form");
    assert!(message(b"GIF89a").contains("47 49 46 38 39 61"));
    assert!(message(&with_frame_byte("420.jpg", 1, 0xc9)).contains("arithmetic"));
    assert!(message(&with_frame_byte("420.jpg", 1, 0xc3)).contains("lossless"));
    assert!(message(&with_frame_byte("420.jpg", 4, 12)).contains("12 bits"));
    assert!(message(&with_frame_byte("420.jpg", 11, 0x31)).contains("sampling factors 3x1 1x1 1x1"));
    assert!(message(&file("separate-420.jpg")).contains("apart"));
    let (_, deep) = small_png(::png::ColorType::Grayscale, ::png::BitDepth::Sixteen);
    assert!(message(&deep).contains("16 bits"));
    for bytes in [with_frame_byte("420.jpg", 1, 0xc9), file("separate-420.jpg"), deep] {
        assert_eq!(code(&bytes), "picture/unsupported");
    }
    assert_eq!(Encoding::named("bgr8").unwrap_err().code(), "picture/encoding");
}

#[test]
fn a_picture_of_another_size_is_an_error_that_names_both() {
    let bytes = file("420.jpg");
    let mut out = vec![0; 64 * 48 * 3];
    let error = decode_picture(&bytes, Encoding::Rgb8, 48, 64, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "error[picture/size]: the picture is 37×29, 64×48 was declared");
    let error = decode_picture(&bytes, Encoding::Rgb8, 29, 37, &mut out).unwrap_err();
    assert_eq!(error.code(), "picture/output");
}

#[test]
fn a_size_that_the_bytes_cannot_hold_is_refused_before_memory_is_taken() {
    let mut jpeg = file("420.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert_eq!(picture_size(&jpeg).unwrap_err().code(), "picture/too-large");
    let (_, mut png) = small_png(::png::ColorType::Rgb, ::png::BitDepth::Eight);
    png[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert_eq!(picture_size(&png).unwrap_err().code(), "picture/too-large");
}

/// A small, fast generator for the fuzzing below (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

/// One to four changes: a bit, a byte, a run removed, repeated or exchanged.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let (at, length) = (random.below(bytes.len()), 1 + random.below(8));
        let end = (at + length).min(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.below(6)],
            3 if bytes.len() > length + 1 => {
                bytes.drain(at..end);
            }
            4 => {
                let run = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, run);
            }
            _ => {
                let to = random.below(bytes.len());
                bytes.swap(at, to);
            }
        }
    }
}

#[test]
fn mutated_pictures_never_stop_the_decoder_and_fill_all_or_fail() {
    let rounds = if std::env::var_os("ISOCHRON_NIGHTLY").is_some() { 1_000_000 } else { 10_000 };
    let seeds: Vec<Vec<u8>> = small().map(|(_, bytes)| bytes).collect();
    let mut random = Random(4);
    let mut passed = 0;
    for round in 0..rounds {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        mutate(&mut bytes, &mut random);
        let encoding = [Encoding::Rgb8, Encoding::Mono8][round % 2];
        let Ok(size) = picture_size(&bytes) else { continue };
        let length = size.height as usize * size.width as usize * encoding.channels();
        if length > 1 << 20 {
            continue;
        }
        // What a decoder leaves as it was shows as a difference between two outputs that began differently.
        let [first, second] = [0x00, 0xff].map(|fill| {
            let mut out = vec![fill; length];
            decode_picture(&bytes, encoding, size.height, size.width, &mut out).map(|()| out)
        });
        if let Err(error) = &first {
            assert_ne!(error.code(), "picture/decoder", "round {round}: {error}\n{bytes:02x?}");
        }
        assert_eq!(first, second, "round {round}: {bytes:02x?}");
        passed += usize::from(first.is_ok());
    }
    assert!(passed > rounds / 100, "too few mutations reach the decoders: {passed} of {rounds}");
}
