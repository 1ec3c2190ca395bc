//! The activations of Dense modules, by the name of their class in torch.
//!
//! All that torch makes without arguments, which is how sentence-transformers makes them, with torch's defaults; each as
//! <https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity> defines it.

use candle_core::cpu::erf::erf_f64;

/// What a Dense module applies to what its linear layer gives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DenseActivation {
    /// To each number by itself.
    Each { name: &'static str, function: EachNumber },
    /// `x`, or `slope · x` below 0; the slope stands with the weights.
    PRelu { slope: f32 },
    /// To all numbers of a vector together.
    All { name: &'static str, function: AllNumbers },
}

type EachNumber = fn(f32) -> f32;
type AllNumbers = fn(&mut [f32]);

/// The slope of RReLU outside training: the mean of its bounds, 1/8 and 1/3.
const RRELU_SLOPE: f32 = 11.0 / 48.0;
const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

/// Every class, in the order of the alphabet; the names are the ends of paths such as `torch.nn.modules.activation.Tanh`.
const EACH: [(&str, EachNumber); 22] = [
    ("CELU", elu),
    ("ELU", elu),
    ("GELU", |x| {
        let x = f64::from(x);
        (0.5 * x * (1.0 + erf_f64(x * std::f64::consts::FRAC_1_SQRT_2))) as f32
    }),
    ("Hardshrink", |x| if x.abs() > 0.5 { x } else { 0.0 }),
    ("Hardsigmoid", hard_sigmoid),
    ("Hardswish", |x| x * hard_sigmoid(x)),
    ("Hardtanh", |x| x.clamp(-1.0, 1.0)),
    ("Identity", |x| x),
    ("LeakyReLU", |x| leaky(x, 0.01)),
    ("LogSigmoid", |x| x.min(0.0) - (-x.abs()).exp().ln_1p()),
    ("Mish", |x| x * softplus(x).tanh()),
    ("RReLU", |x| leaky(x, RRELU_SLOPE)),
    ("ReLU", |x| x.max(0.0)),
    ("ReLU6", |x| x.clamp(0.0, 6.0)),
    ("SELU", |x| SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() }),
    ("SiLU", |x| x * sigmoid(x)),
    ("Sigmoid", sigmoid),
    ("Softplus", softplus),
    ("Softshrink", |x| x - x.clamp(-0.5, 0.5)),
    ("Softsign", |x| x / (1.0 + x.abs())),
    ("Tanh", f32::tanh),
    ("Tanhshrink", |x| x - x.tanh()),
];
const ALL: [(&str, AllNumbers); 3] =
    [("LogSoftmax", log_softmax), ("Softmax", softmax), ("Softmin", softmin)];

impl DenseActivation {
    /// The activation at a path in Python, which must begin in torch; `None` if it is none of these.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let class = path.strip_prefix("torch.nn.")?.rsplit('.').next()?;
        if class == "PReLU" {
            return Some(Self::PRelu { slope: 0.25 });
        }
        let each = EACH.iter().find(|(name, _)| *name == class);
        let each = each.map(|&(name, function)| Self::Each { name, function });
        each.or_else(|| {
            let all = ALL.iter().find(|(name, _)| *name == class);
            all.map(|&(name, function)| Self::All { name, function })
        })
    }

    /// The name of its class.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Each { name, .. } | Self::All { name, .. } => name,
            Self::PRelu { .. } => "PReLU",
        }
    }

    /// In place.
    pub(crate) fn apply(self, x: &mut [f32]) {
        match self {
            Self::Each { function, .. } => x.iter_mut().for_each(|x| *x = function(*x)),
            Self::PRelu { slope } => x.iter_mut().for_each(|x| *x = leaky(*x, slope)),
            Self::All { function, .. } => function(x),
        }
    }
}

fn leaky(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { slope * x }
}

fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { x.exp_m1() }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn hard_sigmoid(x: f32) -> f32 {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

/// `x` itself above 20, as in torch.
fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}

/// Takes the largest away of all, and gives the logarithm of the sum of the exponentials of what is left.
fn centre(x: &mut [f32]) -> f32 {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x -= largest);
    x.iter().map(|x| x.exp()).sum::<f32>().ln()
}

fn log_softmax(x: &mut [f32]) {
    let log_sum = centre(x);
    x.iter_mut().for_each(|x| *x -= log_sum);
}

fn softmax(x: &mut [f32]) {
    log_softmax(x);
    x.iter_mut().for_each(|x| *x = x.exp());
}

fn softmin(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = -*x);
    softmax(x);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    /// What torch gives for each class, as `scripts/make-tiny-models` wrote it.
    #[derive(Deserialize)]
    struct Reference {
        x: Vec<f32>,
        y: BTreeMap<String, Vec<f32>>,
    }

    #[test]
    fn every_activation_equals_torch() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/activations.reference.json");
        let reference: Reference = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for (class, expected) in &reference.y {
            let mut found = reference.x.clone();
            let activation =
                DenseActivation::of_path(class).unwrap_or_else(|| panic!("{class} is not known"));
            activation.apply(&mut found);
            for ((&x, &found), &expected) in reference.x.iter().zip(&found).zip(expected) {
                let error = (found - expected).abs();
                assert!(error <= 1e-6 + 1e-5 * expected.abs(), "{class}({x}): {found} instead of {expected}");
            }
        }
        let covered: Vec<&str> = reference.y.keys().filter_map(|path| path.rsplit('.').next()).collect();
        let all =
            EACH.iter().map(|(name, _)| *name).chain(ALL.iter().map(|(name, _)| *name)).chain(["PReLU"]);
        for name in all {
            assert!(covered.contains(&name), "{name} is compared with nothing");
        }
    }

    #[test]
    fn what_is_no_activation_is_none() {
        for path in
            ["", "Tanh", "os.system", "my.torch.nn.Tanh", "torch.nn.modules.activation.GLU", "torch.nn."]
        {
            assert!(DenseActivation::of_path(path).is_none(), "{path:?}");
        }
    }
}
