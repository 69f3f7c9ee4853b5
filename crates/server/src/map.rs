//! A collection as a map: passages as points in a plane, near ones near.
//!
//! The plane is that of the two directions in which the vectors differ most (principal components), so a
//! question, being a vector too, has its place in it.

use crate::hosted::Snapshot;
use crate::problem::Result;
use serde::Serialize;
use store::{Collection, PassageKey};
use utoipa::ToSchema;

/// The most points: more are no clearer, and take long to draw.
const POINTS: usize = 3000;
/// Rounds of power iteration; the directions settle in fewer.
const ROUNDS: usize = 60;

/// A passage as a point.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// Across, −1..=1 but for a question's.
    pub x: f32,
    /// Up, −1..=1 but for a question's.
    pub y: f32,
    /// The passage's name.
    pub passage_id: String,
    /// Its article.
    pub article_id: String,
    /// The article's title.
    pub title: String,
}

/// The plane and what lies in it.
pub struct Map {
    mean: Vec<f32>,
    axes: [Vec<f32>; 2],
    scale: [f32; 2],
    pub points: Vec<Point>,
    /// How many passages there are, of which the points are some.
    pub passages: usize,
}

impl Map {
    /// Draws it: of a large collection by passages evenly spread over it.
    fn of(collection: &dyn Collection) -> Result<Self> {
        let keys = collection.keys()?;
        let step = keys.len().div_ceil(POINTS).max(1);
        let shown: Vec<PassageKey> = keys.iter().copied().step_by(step).collect();
        let vectors = collection.vectors(&shown)?;
        let dimensions = collection.manifest().model.dimensions;
        let (mean, axes) = principal(&vectors, dimensions);
        let mut map = Self { mean, axes, scale: [1.0; 2], points: Vec::new(), passages: keys.len() };
        let places: Vec<[f32; 2]> = vectors.iter().map(|vector| map.place(vector)).collect();
        for (axis, scale) in map.scale.iter_mut().enumerate() {
            let most = places.iter().map(|place| place[axis].abs()).fold(0.0, f32::max);
            *scale = if most > 0.0 { most } else { 1.0 };
        }
        let passages = collection.fetch(&shown)?;
        map.points = places
            .into_iter()
            .zip(passages)
            .map(|([x, y], passage)| Point {
                x: x / map.scale[0],
                y: y / map.scale[1],
                passage_id: passage.reference.to_string(),
                article_id: passage.reference.article_id,
                title: passage.title,
            })
            .collect();
        Ok(map)
    }

    /// Where a vector lies.
    pub fn place(&self, vector: &[f32]) -> [f32; 2] {
        let dot = index::distance::dot();
        let from_mean: Vec<f32> = vector.iter().zip(&self.mean).map(|(v, m)| v - m).collect();
        [0, 1].map(|axis| dot(&from_mean, &self.axes[axis]) / self.scale[axis])
    }
}

/// The map of a snapshot, drawn the first time; not to be called where others wait.
pub fn map(snapshot: &Snapshot) -> Result<&Map> {
    snapshot.map.get_or_try_init(|| Map::of(&*snapshot.collection))
}

/// The mean and the two directions of most variance, found one after the other by power iteration.
fn principal(vectors: &[Vec<f32>], dimensions: usize) -> (Vec<f32>, [Vec<f32>; 2]) {
    let dot = index::distance::dot();
    let n = vectors.len().max(1) as f32;
    let mut mean = vec![0f32; dimensions];
    for vector in vectors {
        mean.iter_mut().zip(vector).for_each(|(m, v)| *m += v / n);
    }
    let centred: Vec<Vec<f32>> =
        vectors.iter().map(|vector| vector.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let mut axes: [Vec<f32>; 2] = [vec![0.0; dimensions], vec![0.0; dimensions]];
    for axis in 0..2 {
        // Begun somewhere that is at right angles to nothing in particular, the same each time.
        let mut direction: Vec<f32> = (0..dimensions).map(|i| ((i * 7 + axis * 3) % 11) as f32 - 5.0).collect();
        for _ in 0..ROUNDS {
            let mut next = vec![0f32; dimensions];
            for vector in &centred {
                let along = dot(vector, &direction);
                next.iter_mut().zip(vector).for_each(|(n, v)| *n += along * v);
            }
            if axis == 1 {
                let along = dot(&next, &axes[0]);
                next.iter_mut().zip(&axes[0]).for_each(|(n, first)| *n -= along * first);
            }
            let length = dot(&next, &next).sqrt();
            if length <= f32::EPSILON {
                break;
            }
            direction = next.into_iter().map(|value| value / length).collect();
        }
        axes[axis] = direction;
    }
    (mean, axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_directions_are_found() {
        // Wide along the second axis, less along the third, hardly along the first.
        let vectors: Vec<Vec<f32>> = (0..100)
            .map(|i| {
                let i = i as f32;
                vec![0.01 * (i * 1.7).sin(), 3.0 * (i * 0.9).sin(), (i * 2.3).cos(), 0.0]
            })
            .collect();
        let (mean, [first, second]) = principal(&vectors, 4);
        assert!(mean.iter().all(|m| m.abs() < 0.2));
        assert!(first[1].abs() > 0.99 && second[2].abs() > 0.99, "{first:?} {second:?}");
        let same = vec![vec![1.0, 0.0]; 3];
        let (_, axes) = principal(&same, 2);
        assert!(axes.iter().flatten().all(|value| value.is_finite()));
    }
}
