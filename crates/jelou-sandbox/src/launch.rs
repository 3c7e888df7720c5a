//! Starts a confined process.

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::process::Command;

use crate::confinement::Confinement;
use crate::start_address::StartAddress;
use crate::system_calls::PROGRAM_FD;

/// A program with its arguments and its complete environment.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
}

impl Launch {
    /// Prepares a program without arguments and with an empty environment. `folder` is the working directory.
    pub fn new(program: &Path, folder: &Path) -> Self {
        Self {
            program: program.to_path_buf(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: folder.to_path_buf(),
        }
    }

    pub fn arg(&mut self, argument: impl Into<OsString>) -> &mut Self {
        self.arguments.push(argument.into());
        self
    }

    pub fn args<T: Into<OsString>>(&mut self, arguments: impl IntoIterator<Item = T>) -> &mut Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn env(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Returns the number of bytes of the arguments, which exec copies to the stack of the program.
    fn argument_bytes(&self) -> u64 {
        self.arguments
            .iter()
            .map(|argument| argument.len() as u64 + 1)
            .sum()
    }

    /// Returns argument zero. User code can read it, so it does not contain the program's folder.
    fn name(&self) -> &OsStr {
        self.program.file_name().unwrap_or_default()
    }

    /// Returns the command that starts the confined program. The kernel kills the process when the spawning thread
    /// ends.
    ///
    /// # Errors
    ///
    /// When the program cannot be opened, or an argument contains a null byte.
    pub fn command(self, confinement: Confinement) -> std::io::Result<Command> {
        let mut command = Command::new(&self.program);
        command
            .arg0(self.name())
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A terminal sends SIGINT for Ctrl-C to the server's group. Processes of functions must survive it, because
            // the server then drains calls. Child processes of build steps are killed with the group.
            .process_group(0)
            .kill_on_drop(true);
        let program = confinement
            .exec_lock()
            .map(|path| Program::open(&self, path))
            .transpose()?;
        let stack_bytes = stack_for(self.argument_bytes());
        confine(&mut command, confinement, program, stack_bytes);
        Ok(command)
    }
}

/// A program that execveat(2) starts from its file descriptor.
struct Program {
    file: OwnedFd,
    /// The address of the empty path for `execveat`.
    path: StartAddress,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

/// Occupies [`PROGRAM_FD`] in the server. Otherwise a file descriptor that is needed between fork and exec could get
/// this number. The program's file descriptor would then replace it, and every start would fail.
fn reserve_descriptor() {
    static RESERVED: OnceLock<Option<OwnedFd>> = OnceLock::new();
    RESERVED.get_or_init(|| {
        let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        rustix::io::fcntl_dupfd_cloexec(null.ok()?, PROGRAM_FD).ok()
    });
}

impl Program {
    fn open(launch: &Launch, path: StartAddress) -> std::io::Result<Self> {
        reserve_descriptor();
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let file = rustix::fs::open(&launch.program, flags, Mode::empty())?;
        let mut arguments = vec![c_string(launch.name())?];
        for argument in &launch.arguments {
            arguments.push(c_string(argument)?);
        }
        let environment = launch
            .environment
            .iter()
            .map(|(name, value)| {
                let mut line = name.clone();
                line.push("=");
                line.push(value);
                c_string(&line)
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self {
            file,
            path,
            arguments,
            environment,
        })
    }

    /// Moves the program to [`PROGRAM_FD`]. The filter allows a start only from this file descriptor.
    #[expect(
        unsafe_code,
        reason = "a safe wrapper would need to own the replaced descriptor"
    )]
    fn move_to_program_fd(&self) -> std::io::Result<()> {
        // SAFETY: the call touches no memory, and this process is about to become another program.
        let moved = unsafe { libc::dup3(self.file.as_raw_fd(), PROGRAM_FD, libc::O_CLOEXEC) };
        if moved == PROGRAM_FD {
            Ok(())
        } else {
            Err(std::io::Error::last_os_error())
        }
    }

    /// Replaces this process with the program. Returns only on failure.
    #[expect(unsafe_code, reason = "execveat(2) has no safe wrapper")]
    fn execute(
        &self,
        arguments: &[*const libc::c_char],
        environment: &[*const libc::c_char],
    ) -> std::io::Error {
        // SAFETY: both arrays end with a null pointer and hold pointers to C strings that live as long as `self`; the
        // path lives as long as the process.
        unsafe {
            libc::syscall(
                libc::SYS_execveat,
                PROGRAM_FD,
                self.path.as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
                libc::AT_EMPTY_PATH,
            );
        }
        std::io::Error::last_os_error()
    }
}

/// Bytes of arguments that exec accepts with the usual stack limit of 8 MiB on every kernel. exec accepts a quarter of
/// the stack limit, and at most 6 MiB (execve(2)).
const MAX_USUAL_BYTES: u64 = 1024 * 1024;
/// A stack limit with which exec accepts its maximum of 6 MiB.
const LARGE_STACK_BYTES: u64 = 32 * 1024 * 1024;

/// Returns the stack limit that this many bytes of arguments need, or `None` if the usual limit is enough.
fn stack_for(argument_bytes: u64) -> Option<u64> {
    (argument_bytes > MAX_USUAL_BYTES).then_some(LARGE_STACK_BYTES)
}

/// Raises the stack limit to `bytes`, or to the hard limit if that is lower.
fn raise_stack(bytes: u64) -> std::io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Stack);
    if current.is_some_and(|current| current < bytes) {
        let current = Some(maximum.map_or(bytes, |maximum| bytes.min(maximum)));
        setrlimit(Resource::Stack, Rlimit { current, maximum })?;
    }
    Ok(())
}

/// A null-terminated array of C strings for exec.
struct Pointers(Vec<*const libc::c_char>);

#[expect(unsafe_code, reason = "raw pointers are not Send by themselves")]
// SAFETY: the pointers are only read. The strings that they point to move with the same closure, and their heap
// memory does not move.
unsafe impl Send for Pointers {}
#[expect(unsafe_code, reason = "raw pointers are not Sync by themselves")]
// SAFETY: as above; nothing is written through them.
unsafe impl Sync for Pointers {}

impl Pointers {
    fn to(strings: &[CString]) -> Self {
        Self(
            strings
                .iter()
                .map(|text| text.as_ptr())
                .chain([std::ptr::null()])
                .collect(),
        )
    }

    fn as_slice(&self) -> &[*const libc::c_char] {
        &self.0
    }
}

#[expect(
    unsafe_code,
    reason = "code between fork and exec must be async-signal-safe"
)]
fn confine(
    command: &mut Command,
    mut confinement: Confinement,
    program: Option<Program>,
    stack_bytes: Option<u64>,
) {
    let parent = rustix::process::getpid();
    let program = program.map(|program| {
        let arguments = Pointers::to(&program.arguments);
        let environment = Pointers::to(&program.environment);
        (program, arguments, environment)
    });
    let before_exec = move || {
        if let Some(bytes) = stack_bytes {
            raise_stack(bytes)?;
        }
        if let Some((program, ..)) = &program {
            program.move_to_program_fd()?;
        }
        confinement.apply(|| die_with(parent))?;
        match &program {
            Some((program, arguments, environment)) => {
                Err(program.execute(arguments.as_slice(), environment.as_slice()))
            }
            None => Ok(()),
        }
    };
    // SAFETY: the closure only makes system calls with data prepared before the fork. Adding the rule for `/proc/self`
    // may allocate, which the C library supports after fork in a threaded program (malloc's fork handlers).
    unsafe {
        command.pre_exec(before_exec);
    }
}

/// Makes the kernel kill this process when its parent thread ends (prctl(2), `PR_SET_PDEATHSIG`).
fn die_with(parent: rustix::process::Pid) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before this call set the signal.
    if rustix::process::getppid() == Some(parent) {
        Ok(())
    } else {
        Err(std::io::Error::from_raw_os_error(libc::ESRCH))
    }
}

fn c_string(text: &OsStr) -> std::io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| {
        std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "a null byte in an argument",
        )
    })
}
