//! Pictures: held to libjpeg's decoding, to damage of every kind, and to having the same bits each time.

use std::path::PathBuf;

use isochron_transport::picture::{Encoding, PictureError, Size, decode_picture, picture_size};

/// The JPEG pictures that `pictures/make.c` made, by name.
const FORMS: [&str; 29] = [
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
    "separate-420",
    "grey-1x2",
    "422-tall",
    "444-tall",
    "410",
    "441",
    "311",
    "mixed",
    "small-luma",
    "progressive-422-tall",
    "restarts-422-tall",
];

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn decoded(bytes: &[u8], encoding: Encoding) -> Result<(Size, Vec<u8>), PictureError> {
    let size = picture_size(bytes, encoding)?;
    let mut out = vec![0xa5; size.height as usize * size.width as usize * encoding.pixel_bytes()];
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

#[test]
fn a_png_of_16_bits_keeps_them_and_is_nothing_else() {
    use ::png::{BitDepth, ColorType};
    // PNG is big-endian, what it becomes little-endian.
    let swapped =
        |bytes: &[u8]| bytes.as_chunks::<2>().0.iter().flat_map(|[high, low]| [*low, *high]).collect::<Vec<_>>();
    let (grey, bytes) = small_png(ColorType::Grayscale, BitDepth::Sixteen);
    assert_eq!(decoded(&bytes, Encoding::Mono16).unwrap(), (Size { height: 7, width: 13 }, swapped(&grey)));
    let thrice: Vec<u8> = swapped(&grey).chunks(2).flat_map(|level| level.repeat(3)).collect();
    assert_eq!(decoded(&bytes, Encoding::Rgb16).unwrap().1, thrice);
    let (alpha, bytes) = small_png(ColorType::GrayscaleAlpha, BitDepth::Sixteen);
    let without: Vec<u8> = alpha.chunks(4).flat_map(|pixel| [pixel[1], pixel[0]]).collect();
    assert_eq!(decoded(&bytes, Encoding::Mono16).unwrap().1, without);

    let (rgb, bytes) = small_png(ColorType::Rgb, BitDepth::Sixteen);
    assert_eq!(decoded(&bytes, Encoding::Rgb16).unwrap().1, swapped(&rgb));
    let backwards: Vec<u8> = swapped(&rgb).chunks(6).flat_map(|p| [p[4], p[5], p[2], p[3], p[0], p[1]]).collect();
    assert_eq!(decoded(&bytes, Encoding::Bgr16).unwrap().1, backwards);

    let refused = |bytes: &[u8], encoding| decoded(bytes, encoding).unwrap_err().to_string();
    assert!(refused(&bytes, Encoding::Mono16).contains("in colour, declared as grey"));
    assert_eq!(
        refused(&bytes, Encoding::Mono8),
        "error[picture/depth]: it is a picture of 16 bits, 8 were declared\nhelp: declare mono16, 16UC1 or rgb16"
    );
    let (_, shallow) = small_png(ColorType::Grayscale, BitDepth::Eight);
    assert!(refused(&shallow, Encoding::Mono16).contains("of 8 bits, 16 were declared"));
    assert!(refused(&file("420.jpg"), Encoding::Rgb16).contains("of 8 bits, 16 were declared"));
    assert!(refused(&bytes, Encoding::Distance32).contains("without the parameters"));
}

#[test]
fn colours_stand_backwards_where_that_is_asked_for() {
    let bytes = file("420.jpg");
    let rgb = decoded(&bytes, Encoding::Rgb8).unwrap().1;
    let bgr: Vec<u8> = rgb.chunks(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
    assert_eq!(decoded(&bytes, Encoding::Bgr8).unwrap().1, bgr);
}

/// Depth of 13 × 7 pixels as a sender gives it: the header with two parameters, then what follows.
fn depth(a: f32, b: f32, picture: &[u8]) -> Vec<u8> {
    [&[0; 4][..], &a.to_le_bytes(), &b.to_le_bytes(), picture].concat()
}

/// RVL of numbers: width, height, and the codes of runs and differences, each as groups of three bits.
fn rvl(width: u32, height: u32, values: &[u16]) -> Vec<u8> {
    let mut groups: Vec<u32> = Vec::new();
    let mut code = |mut value: u32| {
        while value > 7 {
            groups.push(8 | value & 7);
            value >>= 3;
        }
        groups.push(value);
    };
    let (mut at, mut previous) = (0, 0_i32);
    while at < values.len() {
        let zeros = values[at..].iter().take_while(|value| **value == 0).count();
        let others = values[at + zeros..].iter().take_while(|value| **value != 0).count();
        code(zeros as u32);
        code(others as u32);
        for value in &values[at + zeros..at + zeros + others] {
            let difference = i32::from(*value) - previous;
            code((difference << 1 ^ difference >> 31) as u32);
            previous = i32::from(*value);
        }
        at += zeros + others;
    }
    groups.resize(groups.len().next_multiple_of(8), 0);
    let words = groups.chunks(8).map(|eight| eight.iter().fold(0, |word, group| word << 4 | group));
    let head = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [head, words.flat_map(u32::to_le_bytes).collect()].concat()
}

/// Distances of 13 × 7 pixels with holes, as numbers of 16 bits; then as a PNG and as RVL.
fn distances() -> (Vec<u16>, Vec<u8>, Vec<u8>) {
    let (png, bytes) = small_png(::png::ColorType::Grayscale, ::png::BitDepth::Sixteen);
    let values: Vec<u16> = png.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    let packed = rvl(13, 7, &values);
    (values, bytes, packed)
}

#[test]
fn compressed_depth_is_what_was_sent_as_png_and_as_rvl() {
    let (values, png, packed) = distances();
    let expected: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    for picture in [&png, &packed] {
        let size = Size { height: 7, width: 13 };
        assert_eq!(decoded(&depth(0.0, 0.0, picture), Encoding::Mono16).unwrap(), (size, expected.clone()));
    }
    // Runs of zeros at both ends, differences of either sign and of all 16 bits.
    for values in [vec![0; 6], vec![0, 0, 65535, 1, 0, 7], vec![1, 65535, 0, 0, 32768, 0], vec![9; 6]] {
        let sent: Vec<u8> = values.iter().flat_map(|value: &u16| value.to_le_bytes()).collect();
        assert_eq!(decoded(&depth(0.0, 0.0, &rvl(3, 2, &values)), Encoding::Mono16).unwrap().1, sent, "{values:?}");
    }
    // These words are what the reference encoder makes of [0, 0, 65535, 1, 0, 7].
    let reference = [0xf3, 0xff, 0xef, 0x22, 0x11, 0xf3, 0xff, 0xbf, 0x00, 0x00, 0x00, 0xc1];
    assert_eq!(rvl(3, 2, &[0, 0, 65535, 1, 0, 7])[8..], reference);
}

#[test]
fn quantised_depth_becomes_distances_and_nan_where_there_is_none() {
    // As the sender's defaults quantise: at 100 m of resolution, up to 10 m. The distances are NumPy's in float32.
    let (a, b) = (10100.0, -1009.0);
    let known: [(u16, f32); 3] = [(1, 10.0), (2019, 3.335_535), (65535, 0.151_779_28)];
    let values: Vec<u16> = known.iter().map(|(value, _)| *value).chain([0, 1, 0]).collect();
    let bytes = depth(a, b, &rvl(3, 2, &values));
    let found: Vec<f32> = decoded(&bytes, Encoding::Distance32)
        .unwrap()
        .1
        .as_chunks()
        .0
        .iter()
        .map(|four| f32::from_le_bytes(*four))
        .collect();
    for ((_, expected), found) in known.iter().zip(&found) {
        assert_eq!(expected, found);
    }
    assert_eq!(found[3].to_bits(), 0x7fc0_0000);
    let (values, png, packed) = distances();
    let [png, packed] = [png, packed].map(|picture| decoded(&depth(a, b, &picture), Encoding::Distance32).unwrap().1);
    assert_eq!(png, packed);
    assert_eq!(png[..4], (a / (f32::from(values[0]) - b)).to_le_bytes());
}

#[test]
fn depth_that_is_damaged_is_an_error() {
    let (_, png, packed) = distances();
    for picture in [png, packed] {
        let whole = depth(10100.0, -1009.0, &picture);
        for cut in 0..whole.len() {
            assert!(decoded(&whole[..cut], Encoding::Distance32).is_err(), "cut at {cut}");
        }
        for (a, b) in [(0.0, 1.0), (f32::NAN, 1.0), (1.0, f32::INFINITY)] {
            let error = decoded(&depth(a, b, &picture), Encoding::Distance32).unwrap_err();
            assert_eq!(error.code(), "picture/corrupt");
        }
        assert_eq!(decoded(&whole, Encoding::Mono8).unwrap_err().code(), "picture/form");
    }
    // A run beyond the last pixel, an empty run, a number without an end, and a size that nothing holds.
    let header = |width: u32, height: u32| [width.to_le_bytes(), height.to_le_bytes()].concat();
    for (word, code) in [(0x7000_0000_u32, "corrupt"), (0x0000_0000, "corrupt"), (0xffff_ffff, "corrupt")] {
        let codes = word.to_le_bytes().repeat(2);
        let bytes = depth(0.0, 0.0, &[header(3, 2), codes].concat());
        assert_eq!(decoded(&bytes, Encoding::Mono16).unwrap_err().code(), format!("picture/{code}"), "{word:x}");
    }
    let vast = depth(0.0, 0.0, &header(u32::MAX, u32::MAX));
    assert_eq!(picture_size(&vast, Encoding::Mono16).unwrap_err().code(), "picture/too-large");
}

/// A JPEG without its segments of Huffman tables.
fn without_tables(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes[..2].to_vec();
    let mut at = 2;
    while bytes[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        if bytes[at + 1] != 0xc4 {
            out.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

#[test]
fn a_jpeg_that_leaves_the_standard_huffman_tables_out_is_the_same_picture() {
    for name in ["grey", "444", "422", "420", "restarts", "422-tall", "separate-420"] {
        let bytes = file(&format!("{name}.jpg"));
        let left_out = without_tables(&bytes);
        assert!(left_out.len() < bytes.len());
        for encoding in [Encoding::Rgb8, Encoding::Mono8] {
            assert_eq!(decoded(&left_out, encoding), decoded(&bytes, encoding), "{name}");
        }
    }
}

/// Every picture of the tests with an encoding that it has: JPEG, PNG and depth.
fn all() -> Vec<(String, Vec<u8>, Encoding)> {
    use ::png::{BitDepth, ColorType};
    let jpegs = FORMS.map(|name| (name.to_owned(), file(&format!("{name}.jpg"))));
    let left_out = ["422", "422-tall"]
        .map(|name| (format!("{name} without tables"), without_tables(&file(&format!("{name}.jpg")))));
    let pngs = [ColorType::Grayscale, ColorType::Rgb, ColorType::Rgba, ColorType::Indexed]
        .map(|colour| (format!("{colour:?}"), small_png(colour, BitDepth::Eight).1));
    let shallow = jpegs.into_iter().chain(left_out).chain(pngs).map(|(name, bytes)| (name, bytes, Encoding::Rgb8));
    let deep = [(ColorType::Grayscale, Encoding::Mono16), (ColorType::Rgba, Encoding::Rgb16)]
        .map(|(colour, encoding)| (format!("{colour:?} of 16 bits"), small_png(colour, BitDepth::Sixteen).1, encoding));
    let (_, png, packed) = distances();
    let depths = [("depth", png), ("depth, packed", packed)]
        .map(|(name, picture)| (name.to_owned(), depth(10100.0, -1009.0, &picture), Encoding::Distance32));
    shallow.chain(deep).chain(depths).collect()
}

/// Those that are small enough to be cut everywhere.
fn small() -> impl Iterator<Item = (String, Vec<u8>, Encoding)> {
    all().into_iter().filter(|(_, bytes, _)| bytes.len() < 2700)
}

#[test]
fn a_picture_cut_at_any_byte_is_an_error() {
    for (name, bytes, encoding) in small() {
        for cut in 0..bytes.len() {
            let error = decoded(&bytes[..cut], encoding).err().unwrap_or_else(|| panic!("{name} cut at {cut}"));
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
fn a_jpeg_with_bytes_left_over_before_its_end_is_an_error() {
    for name in FORMS {
        let bytes = file(&format!("{name}.jpg"));
        let (head, end) = bytes.split_at(bytes.len() - 2);
        let before = [head, &[0x12, 0x34], end].concat();
        assert!(matches!(decoded(&before, Encoding::Rgb8), Err(PictureError::Corrupt(_))), "{name}: before the end");
    }
}

#[test]
fn what_follows_a_jpegs_end_is_no_part_of_it() {
    for name in FORMS {
        let bytes = file(&format!("{name}.jpg"));
        // Padding, a maker's notes, a second picture, and the rest of a longer picture that the buffer held before.
        let rest: [&[u8]; 6] =
            [&[0; 5], &[0xff; 64], &[0xff, 0xd9], b"vendor\0\x01", &bytes, &bytes[bytes.len() / 2..]];
        for encoding in [Encoding::Rgb8, Encoding::Mono8] {
            let alone = decoded(&bytes, encoding);
            assert!(alone.is_ok());
            for more in rest {
                assert_eq!(
                    decoded(&[&bytes[..], more].concat(), encoding),
                    alone,
                    "{name}, then {:02x?}",
                    &more[..4.min(more.len())]
                );
            }
        }
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
    // Three samples beside two: libjpeg refuses them too.
    assert!(message(&with_frame_byte("small-luma.jpg", 11, 0x31)).contains("sampling factors 3x1 2x1 2x1"));
    // More blocks together than the standard lets be: 16 + 1 + 1.
    assert!(message(&with_frame_byte("420.jpg", 11, 0x44)).contains("18 blocks are coded together"));
    for bytes in [with_frame_byte("420.jpg", 1, 0xc9), with_frame_byte("small-luma.jpg", 11, 0x31)] {
        assert_eq!(code(&bytes), "picture/unsupported");
    }
    assert_eq!(Encoding::named("yuv8").unwrap_err().code(), "picture/encoding");
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
    assert_eq!(picture_size(&jpeg, Encoding::Rgb8).unwrap_err().code(), "picture/too-large");
    let (_, mut png) = small_png(::png::ColorType::Rgb, ::png::BitDepth::Eight);
    png[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert_eq!(picture_size(&png, Encoding::Rgb8).unwrap_err().code(), "picture/too-large");
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
    let seeds: Vec<(Vec<u8>, Encoding)> = small().map(|(_, bytes, encoding)| (bytes, encoding)).collect();
    let mut random = Random(4);
    let mut passed = 0;
    for round in 0..rounds {
        let (mut bytes, own) = seeds[random.below(seeds.len())].clone();
        mutate(&mut bytes, &mut random);
        // What it is, or grey, or anything.
        let encoding = [own, Encoding::Mono8, own, Encoding::Mono16, own, Encoding::Bgr16][round % 6];
        let Ok(size) = picture_size(&bytes, encoding) else { continue };
        let length = size.height as usize * size.width as usize * encoding.pixel_bytes();
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
