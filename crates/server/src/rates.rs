//! How often each key and each address may ask.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

/// How often one may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

type Limiter = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// Who asked how often.
pub(crate) struct Rates {
    limiter: Limiter,
    rate: Rate,
}

/// What a request finds.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) is_allowed: bool,
    /// Time until the next request would be let in.
    pub(crate) retry_after: Duration,
    remaining: u32,
    rate: Rate,
}

impl Rates {
    pub(crate) fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self { limiter: RateLimiter::keyed(quota).with_middleware(), rate }
    }

    /// Counts a request of `who`.
    pub(crate) fn take(&self, who: &str) -> Taken {
        let taken = |is_allowed, retry_after, remaining| Taken {
            is_allowed,
            retry_after,
            remaining,
            rate: self.rate,
        };
        match self.limiter.check_key(&who.to_owned()) {
            Ok(state) => taken(true, Duration::ZERO, state.remaining_burst_capacity()),
            Err(until) => taken(false, until.wait_time_from(DefaultClock::default().now()), 0),
        }
    }

    /// Counts a request of an address. One network of IPv6 counts as one: whoever has an address there has them all.
    pub(crate) fn take_for(&self, address: Option<IpAddr>) -> Taken {
        let network = match address {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Some(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            other => other,
        };
        self.take(&network.map_or_else(|| "nobody".to_owned(), |network| format!("address {network}")))
    }

    /// Forgets who has not come for long.
    pub(crate) fn forget(&self) {
        self.limiter.retain_recent();
    }
}

impl Taken {
    /// Says in an answer what is left.
    pub(crate) fn mark(&self, mut response: Response) -> Response {
        let missing = self.rate.burst.get() - self.remaining.min(self.rate.burst.get());
        let reset = missing.div_ceil(self.rate.per_second.get());
        let values = [
            ("ratelimit-limit", self.rate.burst.get()),
            ("ratelimit-remaining", self.remaining),
            ("ratelimit-reset", reset),
        ];
        for (name, value) in values {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_alone_and_networks_as_one() {
        let number = |n: u32| NonZeroU32::new(n).unwrap();
        let rates = Rates::new(Rate { per_second: number(1), burst: number(2) });
        let take = |who: &str| {
            let taken = rates.take_for(Some(who.parse().unwrap()));
            (taken.is_allowed, taken.remaining)
        };
        assert_eq!(take("192.0.2.1"), (true, 1));
        assert_eq!(take("192.0.2.1"), (true, 0));
        assert!(!take("192.0.2.1").0);
        assert_eq!(take("192.0.2.2"), (true, 1));
        assert_eq!(take("2001:db8::1"), (true, 1));
        assert_eq!(take("2001:db8::2"), (true, 0));
        assert!(!take("2001:db8::3").0);
        assert_eq!(take("2001:db8:0:1::1"), (true, 1));
        let refused = rates.take_for(Some("192.0.2.1".parse().unwrap()));
        assert!(refused.retry_after > Duration::ZERO && refused.retry_after <= Duration::from_secs(1));
    }
}
