//! Where unpredictable bytes come from, as an argument.

/// A source of random bytes. The edge hands in the platform's; simulations hand in a seeded one, so that a run
/// replays bit for bit.
pub trait Entropy {
    /// Fills the whole buffer.
    fn fill(&mut self, buffer: &mut [u8]);

    /// The random part of an id that is born at that moment.
    fn id_bits(&mut self, _at_ms: u64) -> u128 {
        let mut random = [0; 16];
        self.fill(&mut random);
        u128::from_be_bytes(random)
    }

    /// `N` fresh bytes.
    fn bytes<const N: usize>(&mut self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, buffer: &mut [u8]) {
        (**self).fill(buffer);
    }

    fn id_bits(&mut self, at_ms: u64) -> u128 {
        (**self).id_bits(at_ms)
    }
}

/// A source whose ids of one moment rise, each above the one before it: what one call makes is listed in the order it was
/// made.
pub struct Rising<'a> {
    inner: &'a mut dyn Entropy,
    last: Option<(u64, u128)>,
}

impl<'a> Rising<'a> {
    pub fn new(inner: &'a mut dyn Entropy) -> Self {
        Self { inner, last: None }
    }
}

impl Entropy for Rising<'_> {
    fn fill(&mut self, buffer: &mut [u8]) {
        self.inner.fill(buffer);
    }

    fn id_bits(&mut self, at_ms: u64) -> u128 {
        /// One bit short of what an id has room for, so that none rises beyond it.
        const DRAWN: u128 = (1 << 79) - 1;
        let bits = match self.last {
            Some((ms, bits)) if ms == at_ms => bits + 1,
            Some(_) | None => self.inner.id_bits(at_ms) & DRAWN,
        };
        self.last = Some((at_ms, bits));
        bits
    }
}

/// A random UUID (version 4, RFC 9562 section 5.4).
pub fn uuid_v4(entropy: &mut dyn Entropy) -> [u8; 16] {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    bytes
}
