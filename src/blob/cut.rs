//! Where a content is cut: `FastCDC`, with sizes that are never changed, because a moved cut ends what contents share.

use fastcdc::v2020::FastCDC;

/// How finely a content is cut. All sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grain {
    /// No piece but the last is shorter.
    pub min: usize,
    average: usize,
    /// No piece is longer.
    pub max: usize,
}

/// For what can be compressed, such as texts: often the next version of something, a little changed.
pub const FINE: Grain = Grain {
    min: 64 << 10,
    average: 256 << 10,
    max: 1 << 20,
};

/// For what is packed already, such as pictures: as good as never the next version of something, so fewer files do.
pub const COARSE: Grain = Grain {
    min: 1 << 20,
    average: 2 << 20,
    max: 4 << 20,
};

/// The length of the first piece of `bytes`, which are [`max`](Grain::max) bytes or more, or all that is left.
pub fn first_piece(bytes: &[u8], grain: Grain) -> usize {
    FastCDC::new(bytes, grain.min, grain.average, grain.max)
        .cut(0, bytes.len())
        .1
}
