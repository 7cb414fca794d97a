//! Where an embedding points, which is all that cosine distance looks at.

/// How many products are summed side by side. Floating-point sums may not be reordered by the
/// compiler; separate ones need not be, and fill the vector registers.
const LANES: usize = 16;

/// An embedding scaled to length one. Zeros stay zeros: they point nowhere.
pub struct Direction(Vec<f32>);

impl Direction {
    pub fn of(embedding: &[f32]) -> Self {
        // In f64, where no square of an f32 overflows or vanishes.
        let length = embedding.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if length == 0.0 {
            return Self(embedding.to_vec());
        }
        Self(embedding.iter().map(|&value| (f64::from(value) / length) as f32).collect())
    }

    pub fn values(&self) -> &[f32] {
        &self.0
    }

    pub fn into_values(self) -> Vec<f32> {
        self.0
    }

    /// What a table holds, as values.
    pub fn stored_values(stored: &[u8]) -> Vec<f32> {
        stored.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
    }

    /// As a table holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Cosine distance to a stored direction, or none if that has another number of dimensions.
    pub fn distance(&self, stored: &[u8]) -> Option<f32> {
        if stored.len() != self.0.len() * size_of::<f32>() {
            return None;
        }
        // Rounding may leave the range by a little.
        Some((1.0 - self.dot(stored)).clamp(0.0, 2.0))
    }

    /// Cosine distance to an embedding of any length and as many dimensions.
    pub fn distance_to(&self, embedding: &[f32]) -> f32 {
        let dot: f32 = self.0.iter().zip(Self::of(embedding).0).map(|(own, other)| own * other).sum();
        (1.0 - dot).clamp(0.0, 2.0)
    }

    fn dot(&self, stored: &[u8]) -> f32 {
        let (values, _) = stored.as_chunks::<4>();
        let (own_blocks, own_rest) = self.0.as_chunks::<LANES>();
        let (blocks, rest) = values.as_chunks::<LANES>();
        let mut sums = [0.0_f32; LANES];
        for (own, stored) in own_blocks.iter().zip(blocks) {
            for lane in 0..LANES {
                sums[lane] += own[lane] * f32::from_le_bytes(stored[lane]);
            }
        }
        let rest = own_rest.iter().zip(rest).map(|(own, stored)| own * f32::from_le_bytes(*stored));
        sums.iter().sum::<f32>() + rest.sum::<f32>()
    }
}
