use super::*;

#[test]
fn shapes_of_i8_products_agree() {
    let stride = 128;
    let value = |seed: usize| (seed.wrapping_mul(2_654_435_761) >> 13) as i8;
    let query: Vec<i8> = (0..stride).map(value).collect();
    let matrix: Vec<i8> = (0..10 * stride).map(|index| value(index + 7)).collect();
    let expected: Vec<i32> = matrix.chunks_exact(stride).map(|row| portable::dot_i8(&query, row)).collect();
    let mut dots = vec![0; 10];
    dots_i8(&query, &matrix, &mut dots);
    assert_eq!(dots, expected);
    for (row, &expected) in matrix.chunks_exact(stride).zip(&expected) {
        assert_eq!(dot_i8(&query, row), expected);
        assert_eq!(dot_i8(row, &query), expected);
    }
    let positions = [9, 0, 3, 3, 10, u32::MAX, 5, 1];
    dots_i8_at(&query, &matrix, &positions, &mut dots);
    let expected: Vec<i32> =
        positions.iter().map(|&p| expected.get(p as usize).copied().unwrap_or(i32::MIN)).collect();
    assert_eq!(dots, expected);
}

#[test]
fn f16_products_are_near_plain_sums() {
    let query: Vec<f32> = (0..100).map(|index| (index as f32 * 0.37).sin()).collect();
    let vector: Vec<f16> = (0..100).map(|index| f16::from_f32((index as f32 * 0.71).cos())).collect();
    let (found_dot, found_square) = dot_f16(&query, &vector);
    let plain = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        query.iter().zip(&vector).map(|(&q, v)| f(f64::from(q), v.to_f64())).sum()
    };
    assert!((f64::from(found_dot) - plain(&|q, v| q * v)).abs() < 1e-4);
    assert!((f64::from(found_square) - plain(&|_, v| v * v)).abs() < 1e-4);
}
