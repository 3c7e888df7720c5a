//! The memory and the processor time of the machine, and the memory budget of workers.

mod budget;
mod idle_cpu;
mod machine_memory;

pub(crate) use budget::{Budget, Charge, NoRoom};
pub(crate) use idle_cpu::IdleCpu;
