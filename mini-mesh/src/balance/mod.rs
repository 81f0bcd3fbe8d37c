//! From a service's addresses to one endpoint, request by request.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`p2c`] | which endpoint takes the next request |
//! | [`accrual`] | whether an endpoint is fit to |
//! | [`endpoint`] | how a request goes there |
//! | [`pool`] | over which connection |
//! | [`budget`] | how often a failed one may be tried again |

pub mod accrual;
pub mod budget;
pub mod endpoint;
pub mod p2c;
pub mod pool;

pub use accrual::Accrual;
pub use budget::RetryBudget;
pub use endpoint::{Endpoint, Failure};
pub use p2c::{Node, P2c};
