//! The two streams of a container's output, which the engine mixes into frames: a byte for the
//! stream, three of zero, the length in four, big-endian, and then the content.

/// Takes frames apart as they come.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    header: Vec<u8>,
    left: usize,
}

const HEADER: usize = 8;

/// The bytes are not frames.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotFrames;

impl Frames {
    /// Hands the content of what came to `out`.
    pub(crate) fn feed(
        &mut self,
        mut piece: &[u8],
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), NotFrames> {
        while !piece.is_empty() {
            if self.left > 0 {
                let (content, rest) = piece.split_at(self.left.min(piece.len()));
                out(content);
                self.left -= content.len();
                piece = rest;
                continue;
            }
            let (more, rest) = piece.split_at((HEADER - self.header.len()).min(piece.len()));
            self.header.extend_from_slice(more);
            piece = rest;
            if let [stream, 0, 0, 0, a, b, c, d] = self.header[..] {
                // 3 is an error of the engine itself, since API 1.31.
                if stream > 3 {
                    return Err(NotFrames);
                }
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.header.clear();
            } else if self.header.len() == HEADER {
                return Err(NotFrames);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn frames_come_apart_wherever_they_are_cut() {
        let bytes =
            [frame(1, b"out\n"), frame(2, b""), frame(2, b"err\n"), frame(1, b"x")].concat();
        for size in 1..=bytes.len() {
            let (mut frames, mut content) = (Frames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                frames.feed(piece, |c| content.extend_from_slice(c)).unwrap();
            }
            assert_eq!(content, b"out\nerr\nx", "{size}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bad in [&b"plain text"[..], &[9, 0, 0, 0, 0, 0, 0, 1, b'x'], &[1, 1, 0, 0, 0, 0, 0, 1]]
        {
            assert_eq!(Frames::default().feed(bad, |_| ()), Err(NotFrames));
        }
    }

    #[test]
    fn a_length_of_four_gibibytes_is_no_reason_to_reserve_them() {
        let mut frames = Frames::default();
        let mut seen = 0;
        frames.feed(&[1, 0, 0, 0, 255, 255, 255, 255, b'x'], |c| seen += c.len()).unwrap();
        assert_eq!(seen, 1);
    }
}
