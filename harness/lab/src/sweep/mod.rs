//! Many runs: the same scenario with seed after seed.
//!
//! A sweep writes one line of JSON a run and can be stopped at any time: started again, it plays
//! only the seeds that are missing. Lines of another scenario, build or setting in the same file are
//! left alone and do not count.

mod line;
pub mod pool;
mod resume;
mod summary;

pub use crate::explore::stats::{Interval, wilson};
pub use line::{Key, Line};
pub use resume::{Kept, ResumeError, open};
pub(crate) use resume::{Lines, lines};
pub use summary::summary;
