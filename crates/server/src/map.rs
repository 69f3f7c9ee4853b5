//! A collection as a map: passages as points in a plane.
//!
//! The plane is spanned by the first two principal components of the vectors. A question is a
//! vector too, so it can be projected onto the same plane.

use crate::problem::Result;
use serde::Serialize;
use store::{Collection, PassageKey};
use utoipa::ToSchema;

/// More points make the map no clearer and take long to draw.
const MAX_POINTS: usize = 3000;
/// Iterations for each axis; fewer are enough to converge.
const POWER_ITERATIONS: usize = 60;

/// A passage as a point.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Point)]
pub struct MapPoint {
    /// Horizontal position, in −1..=1 except for neighbors of a question.
    pub x: f32,
    /// Vertical position, in −1..=1 except for neighbors of a question.
    pub y: f32,
    /// The passage's id.
    pub passage_id: String,
    /// The id of its article.
    pub article_id: String,
    /// The article's title.
    pub title: String,
}

/// The projection onto the plane, and the points to draw.
pub struct PassageMap {
    mean: Vec<f32>,
    axes: [Vec<f32>; 2],
    scale: [f32; 2],
    pub points: Vec<MapPoint>,
    /// How many passages the collection has; `points` may be a sample of them.
    pub passages: usize,
}

impl PassageMap {
    /// Projects the passages of a collection; of a large one, an evenly spaced sample.
    pub fn of(collection: &dyn Collection) -> Result<Self> {
        let keys = collection.keys()?;
        let step = keys.len().div_ceil(MAX_POINTS).max(1);
        let sampled: Vec<PassageKey> = keys.iter().copied().step_by(step).collect();
        let vectors = collection.vectors(&sampled)?;
        let dimensions = collection.manifest().model.dimensions;
        let (mean, axes) = principal(&vectors, dimensions);
        let mut map = Self {
            mean,
            axes,
            scale: [1.0; 2],
            points: Vec::new(),
            passages: keys.len(),
        };
        let positions: Vec<[f32; 2]> = vectors.iter().map(|vector| map.project(vector)).collect();
        for (axis, scale) in map.scale.iter_mut().enumerate() {
            let largest = positions
                .iter()
                .map(|position| position[axis].abs())
                .fold(0.0, f32::max);
            *scale = if largest > 0.0 { largest } else { 1.0 };
        }
        let passages = collection.fetch(&sampled)?;
        map.points = positions
            .into_iter()
            .zip(passages)
            .map(|([x, y], passage)| MapPoint {
                x: x / map.scale[0],
                y: y / map.scale[1],
                passage_id: passage.reference.to_string(),
                article_id: passage.reference.article_id,
                title: passage.title,
            })
            .collect();
        Ok(map)
    }

    /// Projects a vector of the collection's dimensions onto the plane, as `[x, y]`.
    pub fn project(&self, vector: &[f32]) -> [f32; 2] {
        let dot = index::distance::dot();
        let from_mean: Vec<f32> = vector.iter().zip(&self.mean).map(|(v, m)| v - m).collect();
        [0, 1].map(|axis| dot(&from_mean, &self.axes[axis]) / self.scale[axis])
    }
}

/// The mean of the vectors and their first two principal components, by power iteration.
fn principal(vectors: &[Vec<f32>], dimensions: usize) -> (Vec<f32>, [Vec<f32>; 2]) {
    let dot = index::distance::dot();
    let n = vectors.len().max(1) as f32;
    let mut mean = vec![0f32; dimensions];
    for vector in vectors {
        mean.iter_mut().zip(vector).for_each(|(m, v)| *m += v / n);
    }
    let centered: Vec<Vec<f32>> = vectors
        .iter()
        .map(|vector| vector.iter().zip(&mean).map(|(v, m)| v - m).collect())
        .collect();
    let mut axes: [Vec<f32>; 2] = [vec![0.0; dimensions], vec![0.0; dimensions]];
    for axis in 0..2 {
        // A fixed start, so that the map is the same each time, and unlikely to be orthogonal to
        // the component.
        let mut direction: Vec<f32> = (0..dimensions)
            .map(|i| ((i * 7 + axis * 3) % 11) as f32 - 5.0)
            .collect();
        for _ in 0..POWER_ITERATIONS {
            let mut next = vec![0f32; dimensions];
            for vector in &centered {
                let along = dot(vector, &direction);
                next.iter_mut()
                    .zip(vector)
                    .for_each(|(n, v)| *n += along * v);
            }
            if axis == 1 {
                let along = dot(&next, &axes[0]);
                next.iter_mut()
                    .zip(&axes[0])
                    .for_each(|(n, first)| *n -= along * first);
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
    fn principal_finds_the_directions_of_most_variance() {
        // Variance is largest along the second axis, smaller along the third, and tiny along the
        // first.
        let vectors: Vec<Vec<f32>> = (0..100)
            .map(|i| {
                let i = i as f32;
                vec![
                    0.01 * (i * 1.7).sin(),
                    3.0 * (i * 0.9).sin(),
                    (i * 2.3).cos(),
                    0.0,
                ]
            })
            .collect();
        let (mean, [first, second]) = principal(&vectors, 4);
        assert!(mean.iter().all(|m| m.abs() < 0.2));
        assert!(
            first[1].abs() > 0.99 && second[2].abs() > 0.99,
            "{first:?} {second:?}"
        );
        let same = vec![vec![1.0, 0.0]; 3];
        let (_, axes) = principal(&same, 2);
        assert!(axes.iter().flatten().all(|value| value.is_finite()));
    }
}
