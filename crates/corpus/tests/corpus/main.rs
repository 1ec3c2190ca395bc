//! Tests of the corpus crate through its public API.

#[cfg(test)]
mod beir;
#[cfg(test)]
mod bibliographic_cases;
#[cfg(test)]
mod bibliographies;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod found_outside;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod identifiers;
#[cfg(test)]
mod interfaces;
#[cfg(test)]
mod layouts;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod records;
#[cfg(test)]
mod shared_data;
#[cfg(test)]
mod support;
