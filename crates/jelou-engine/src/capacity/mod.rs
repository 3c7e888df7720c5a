//! The memory and the processor time that the machine has, and the memory that workers may use of it.

mod budget;
mod idle_cpu;
mod machine_memory;

pub(crate) use budget::{Budget, Charge, NoRoom};
pub(crate) use idle_cpu::IdleCpu;
