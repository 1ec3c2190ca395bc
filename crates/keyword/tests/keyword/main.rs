//! Tests of the crate as its caller sees it.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod search;
#[cfg(test)]
mod support;
#[cfg(test)]
mod two_handles;
