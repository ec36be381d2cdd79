//! Running other programs.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};

/// Runs a step of a chore: its command line and all of its output go to stderr. Fails when the program does.
pub fn step(command: &mut Command) -> Result<()> {
    echo(command);
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .with_context(|| cannot_start(command))?;
    check(command, status)
}

/// Like [`step`], but shows the output only when the program fails.
pub fn quiet_step(command: &mut Command) -> Result<()> {
    echo(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    if !output.status.success() {
        io::stderr().write_all(&output.stdout)?;
        io::stderr().write_all(&output.stderr)?;
    }
    check(command, output.status)
}

/// Runs a program with stdin, stdout and stderr as ours, and gives its status.
pub fn foreground(command: &mut Command) -> Result<ExitStatus> {
    echo(command);
    command.status().with_context(|| cannot_start(command))
}

/// What a program prints to stdout, or an error when it fails. Nothing is shown.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!(
            "`{}` failed: {}",
            line(command),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a program with its output shown as it comes, and gives its status with everything it printed, without colours.
pub fn watch(command: &mut Command) -> Result<(ExitStatus, String)> {
    echo(command);
    if io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| cannot_start(command))?;
    let stdout = child.stdout.take().map(tee);
    let stderr = child.stderr.take().map(tee);
    let status = child.wait()?;
    let mut text = String::new();
    for reader in [stdout, stderr].into_iter().flatten() {
        match reader.join() {
            Ok(part) => text.push_str(&without_colours(&part?)),
            Err(_) => bail!("reading the output of `{}` failed", line(command)),
        }
    }
    Ok((status, text))
}

fn tee(from: impl Read + Send + 'static) -> thread::JoinHandle<io::Result<String>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        let mut reader = BufReader::new(from);
        loop {
            let start = all.len();
            if reader.read_until(b'\n', &mut all)? == 0 {
                return Ok(String::from_utf8_lossy(&all).into_owned());
            }
            io::stderr().write_all(all.get(start..).unwrap_or_default())?;
        }
    })
}

/// The text without its terminal escapes (`ESC [ … letter`).
pub fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(
            part.split_once(|end: char| end.is_ascii_alphabetic())
                .map_or("", |(_, after)| after),
        );
    }
    plain
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

fn echo(command: &Command) {
    eprintln!("$ {}", line(command));
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", command.get_program().to_string_lossy())
}
