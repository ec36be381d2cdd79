//! What every [`Disk`] must do, as cases that the tests run on each of them.
//!
//! A case keeps to a folder of its own name, so all of them can share a disk. None leaves a file open.

use std::fmt::Debug;
use std::rc::Rc;

use super::{Disk, File, LocalFuture, MAX_FILE_OFFSET, OpenMode, read_all};
use crate::error::{Code, Error, Result};

/// A case: an error says what the disk did wrong.
pub type Case = for<'a> fn(&'a dyn Disk) -> LocalFuture<'a, Result<()>>;

macro_rules! cases {
    ($($name:ident)*) => {
        /// Every case with its name.
        pub const CASES: &[(&str, Case)] = &[$((stringify!($name), |disk| Box::pin($name(disk)))),*];
    };
}

cases! {
    a_new_file_is_empty
    what_is_written_is_read
    overwriting_changes_only_its_range
    a_gap_reads_as_zeros
    writing_nothing_changes_nothing
    a_read_is_short_only_at_the_end
    truncating_cuts_and_extends
    a_second_open_is_locked
    a_dropped_file_can_be_opened_again
    contents_persist_across_opens
    creating_keeps_what_exists
    creating_new_refuses_what_exists
    opening_existing_refuses_what_is_missing
    a_list_is_sorted_and_of_one_folder
    the_root_can_be_listed
    a_missing_folder_is_empty
    removing_says_whether_there_was_a_file
    an_open_file_is_not_removed
    renaming_moves_the_content
    renaming_replaces
    renaming_a_missing_file_is_refused
    renaming_to_the_same_name_is_refused
    an_open_file_is_not_renamed
    an_open_file_is_not_replaced
    bad_paths_are_refused
    large_writes_arrive_whole
    many_files_live_side_by_side
    offsets_past_32_bits_never_wrap
    offsets_past_53_bits_are_refused
}

async fn a_new_file_is_empty(disk: &dyn Disk) -> Result<()> {
    for mode in [OpenMode::Create, OpenMode::CreateNew] {
        let path = format!("a_new_file_is_empty/{mode:?}");
        let file = disk.open(&path, mode).await?;
        same("size", &file.size()?, &0)?;
        holds(&*file, b"")?;
    }
    Ok(())
}

async fn what_is_written_is_read(disk: &dyn Disk) -> Result<()> {
    let file = create(disk, "what_is_written_is_read/file").await?;
    file.write_at(b"strong", 0)?;
    file.write_at(b"room", 6)?;
    file.flush()?;
    same("size", &file.size()?, &10)?;
    holds(&*file, b"strongroom")?;
    let mut middle = [0; 4];
    same("count", &file.read_at(&mut middle, 3)?, &4)?;
    same("middle", &middle, b"ongr")
}

async fn overwriting_changes_only_its_range(disk: &dyn Disk) -> Result<()> {
    let file = create(disk, "overwriting_changes_only_its_range/file").await?;
    file.write_at(b"aaaaaaaa", 0)?;
    file.write_at(b"bb", 3)?;
    holds(&*file, b"aaabbaaa")?;
    file.write_at(b"cccc", 6)?;
    holds(&*file, b"aaabbacccc")
}

async fn a_gap_reads_as_zeros(disk: &dyn Disk) -> Result<()> {
    let file = create(disk, "a_gap_reads_as_zeros/file").await?;
    file.write_at(b"ab", 0)?;
    file.write_at(b"z", 5)?;
    holds(&*file, b"ab\0\0\0z")?;
    file.truncate(1)?;
    file.write_at(b"z", 3)?;
    holds(&*file, b"a\0\0z")
}

async fn writing_nothing_changes_nothing(disk: &dyn Disk) -> Result<()> {
    let file = create(disk, "writing_nothing_changes_nothing/file").await?;
    file.write_at(b"", 100)?;
    same("size", &file.size()?, &0)
}

async fn a_read_is_short_only_at_the_end(disk: &dyn Disk) -> Result<()> {
    let file = create(disk, "a_read_is_short_only_at_the_end/file").await?;
    file.write_at(b"0123456789", 0)?;
    let mut buf = [b'?'; 4];
    same("count near the end", &file.read_at(&mut buf, 8)?, &2)?;
    same("bytes near the end", &buf, b"89??")?;
    same("count at the end", &file.read_at(&mut buf, 10)?, &0)?;
    same("count past the end", &file.read_at(&mut buf, 1000)?, &0)?;
    same("count of nothing", &file.read_at(&mut [], 0)?, &0)
}

async fn truncating_cuts_and_extends(disk: &dyn Disk) -> Result<()> {
    let file = create(disk, "truncating_cuts_and_extends/file").await?;
    file.write_at(b"0123456789", 0)?;
    file.truncate(4)?;
    same("size", &file.size()?, &4)?;
    holds(&*file, b"0123")?;
    file.truncate(6)?;
    same("size", &file.size()?, &6)?;
    holds(&*file, b"0123\0\0")?;
    file.truncate(0)?;
    holds(&*file, b"")
}

async fn a_second_open_is_locked(disk: &dyn Disk) -> Result<()> {
    let path = "a_second_open_is_locked/file";
    let file = create(disk, path).await?;
    refused(disk.open(path, OpenMode::Existing).await, Code::Locked)?;
    refused(disk.open(path, OpenMode::Create).await, Code::Locked)?;
    file.write_at(b"still mine", 0)?;
    holds(&*file, b"still mine")
}

async fn a_dropped_file_can_be_opened_again(disk: &dyn Disk) -> Result<()> {
    let path = "a_dropped_file_can_be_opened_again/file";
    drop(create(disk, path).await?);
    for _ in 0..3 {
        let file = disk.open(path, OpenMode::Existing).await?;
        let shared = Rc::clone(&file);
        drop(file);
        refused(disk.open(path, OpenMode::Existing).await, Code::Locked)?;
        drop(shared);
    }
    Ok(())
}

async fn contents_persist_across_opens(disk: &dyn Disk) -> Result<()> {
    let path = "contents_persist_across_opens/file";
    let file = create(disk, path).await?;
    file.write_at(b"flushed", 0)?;
    file.flush()?;
    file.write_at(b", not flushed", 7)?;
    drop(file);
    let file = disk.open(path, OpenMode::Existing).await?;
    holds(&*file, b"flushed, not flushed")
}

async fn creating_keeps_what_exists(disk: &dyn Disk) -> Result<()> {
    let path = "creating_keeps_what_exists/file";
    put(disk, path, b"kept").await?;
    content_is(disk, path, b"kept").await?;
    let file = disk.open(path, OpenMode::Create).await?;
    holds(&*file, b"kept")
}

async fn creating_new_refuses_what_exists(disk: &dyn Disk) -> Result<()> {
    let path = "creating_new_refuses_what_exists/file";
    put(disk, path, b"kept").await?;
    refused(disk.open(path, OpenMode::CreateNew).await, Code::Conflict)?;
    content_is(disk, path, b"kept").await
}

async fn opening_existing_refuses_what_is_missing(disk: &dyn Disk) -> Result<()> {
    let folder = "opening_existing_refuses_what_is_missing";
    let path = format!("{folder}/file");
    refused(disk.open(&path, OpenMode::Existing).await, Code::NotFound)?;
    put(disk, &format!("{folder}/other"), b"").await?;
    refused(disk.open(&path, OpenMode::Existing).await, Code::NotFound)?;
    same("files", &disk.list(folder).await?, &vec!["other".into()])
}

async fn a_list_is_sorted_and_of_one_folder(disk: &dyn Disk) -> Result<()> {
    let folder = "a_list_is_sorted_and_of_one_folder";
    for name in [
        "b",
        "a.1",
        "c-d_e",
        "B",
        "a",
        "deep/f",
        "deep/er/g",
        "10",
        "9",
    ] {
        put(disk, &format!("{folder}/{name}"), b"").await?;
    }
    put(disk, &format!("{folder}.beside"), b"").await?;
    let expected = ["10", "9", "B", "a", "a.1", "b", "c-d_e"];
    same(
        "files",
        &disk.list(folder).await?,
        &expected.map(String::from).to_vec(),
    )?;
    let deep = disk.list(&format!("{folder}/deep")).await?;
    same("files below", &deep, &vec!["f".into()])
}

async fn the_root_can_be_listed(disk: &dyn Disk) -> Result<()> {
    put(disk, "the_root_can_be_listed", b"").await?;
    let names = disk.list("").await?;
    let there = names.iter().any(|name| name == "the_root_can_be_listed");
    same("the file is listed", &there, &true)
}

async fn a_missing_folder_is_empty(disk: &dyn Disk) -> Result<()> {
    let none = Vec::<String>::new();
    same(
        "files",
        &disk.list("a_missing_folder_is_empty").await?,
        &none,
    )?;
    same(
        "files",
        &disk.list("a_missing_folder_is_empty/below").await?,
        &none,
    )
}

async fn removing_says_whether_there_was_a_file(disk: &dyn Disk) -> Result<()> {
    let folder = "removing_says_whether_there_was_a_file";
    let path = format!("{folder}/file");
    same(
        "removed from a missing folder",
        &disk.remove(&path).await?,
        &false,
    )?;
    put(disk, &path, b"gone").await?;
    same("removed", &disk.remove(&path).await?, &true)?;
    same("removed again", &disk.remove(&path).await?, &false)?;
    same("files", &disk.list(folder).await?, &Vec::new())?;
    refused(disk.open(&path, OpenMode::Existing).await, Code::NotFound)?;
    holds(&*create(disk, &path).await?, b"")
}

async fn an_open_file_is_not_removed(disk: &dyn Disk) -> Result<()> {
    let path = "an_open_file_is_not_removed/file";
    let file = create(disk, path).await?;
    file.write_at(b"kept", 0)?;
    refused(disk.remove(path).await, Code::Locked)?;
    drop(file);
    content_is(disk, path, b"kept").await
}

async fn renaming_moves_the_content(disk: &dyn Disk) -> Result<()> {
    let folder = "renaming_moves_the_content";
    let (from, to) = (format!("{folder}/from"), format!("{folder}/deep/er/to"));
    put(disk, &from, b"moved").await?;
    disk.rename(&from, &to).await?;
    refused(disk.open(&from, OpenMode::Existing).await, Code::NotFound)?;
    content_is(disk, &to, b"moved").await?;
    disk.rename(&to, &from).await?;
    content_is(disk, &from, b"moved").await
}

async fn renaming_replaces(disk: &dyn Disk) -> Result<()> {
    let folder = "renaming_replaces";
    let (from, to) = (format!("{folder}/from"), format!("{folder}/to"));
    put(disk, &from, b"new").await?;
    put(disk, &to, b"old and longer").await?;
    disk.rename(&from, &to).await?;
    content_is(disk, &to, b"new").await?;
    same("files", &disk.list(folder).await?, &vec!["to".into()])
}

async fn renaming_a_missing_file_is_refused(disk: &dyn Disk) -> Result<()> {
    let folder = "renaming_a_missing_file_is_refused";
    let (from, to) = (format!("{folder}/from"), format!("{folder}/to"));
    refused(disk.rename(&from, &to).await, Code::NotFound)?;
    put(disk, &to, b"kept").await?;
    refused(disk.rename(&from, &to).await, Code::NotFound)?;
    content_is(disk, &to, b"kept").await
}

async fn renaming_to_the_same_name_is_refused(disk: &dyn Disk) -> Result<()> {
    let path = "renaming_to_the_same_name_is_refused/file";
    put(disk, path, b"kept").await?;
    refused(disk.rename(path, path).await, Code::InvalidArgument)?;
    content_is(disk, path, b"kept").await
}

async fn an_open_file_is_not_renamed(disk: &dyn Disk) -> Result<()> {
    let folder = "an_open_file_is_not_renamed";
    let (from, to) = (format!("{folder}/from"), format!("{folder}/to"));
    let file = create(disk, &from).await?;
    file.write_at(b"kept", 0)?;
    refused(disk.rename(&from, &to).await, Code::Locked)?;
    drop(file);
    content_is(disk, &from, b"kept").await?;
    same("files", &disk.list(folder).await?, &vec!["from".into()])
}

async fn an_open_file_is_not_replaced(disk: &dyn Disk) -> Result<()> {
    let folder = "an_open_file_is_not_replaced";
    let (from, to) = (format!("{folder}/from"), format!("{folder}/to"));
    put(disk, &from, b"new").await?;
    let file = create(disk, &to).await?;
    file.write_at(b"old", 0)?;
    refused(disk.rename(&from, &to).await, Code::Locked)?;
    drop(file);
    content_is(disk, &from, b"new").await?;
    content_is(disk, &to, b"old").await
}

async fn bad_paths_are_refused(disk: &dyn Disk) -> Result<()> {
    let good = "bad_paths_are_refused/file";
    let bad = [
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a b", "a\\b", "ä",
        "a\0", "C:",
    ];
    for path in bad {
        for mode in [OpenMode::Existing, OpenMode::Create, OpenMode::CreateNew] {
            refused(disk.open(path, mode).await, Code::InvalidArgument)?;
        }
        refused(disk.remove(path).await, Code::InvalidArgument)?;
        refused(disk.rename(path, good).await, Code::InvalidArgument)?;
        refused(disk.rename(good, path).await, Code::InvalidArgument)?;
        if !path.is_empty() {
            refused(disk.list(path).await, Code::InvalidArgument)?;
        }
    }
    Ok(())
}

async fn large_writes_arrive_whole(disk: &dyn Disk) -> Result<()> {
    const LARGE: usize = 5_000_000;
    let path = "large_writes_arrive_whole/file";
    // 251 is prime, so a page in another's place shows.
    let bytes: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
    put(disk, path, &bytes).await?;
    let file = disk.open(path, OpenMode::Existing).await?;
    same("size", &file.size()?, &(LARGE as u64))?;
    // Not printed when they differ: there are too many.
    same("read as written", &(read_all(&*file)? == bytes), &true)
}

async fn many_files_live_side_by_side(disk: &dyn Disk) -> Result<()> {
    let folder = "many_files_live_side_by_side";
    let names: Vec<String> = (100..200).map(|n| n.to_string()).collect();
    let mut open = Vec::new();
    for name in &names {
        let file = create(disk, &format!("{folder}/{name}")).await?;
        file.write_at(name.as_bytes(), 0)?;
        open.push(file);
    }
    for (file, name) in open.iter().zip(&names) {
        holds(&**file, name.as_bytes())?;
    }
    drop(open);
    same("files", &disk.list(folder).await?, &names)?;
    for name in &names {
        same(
            "removed",
            &disk.remove(&format!("{folder}/{name}")).await?,
            &true,
        )?;
    }
    same("files left", &disk.list(folder).await?, &Vec::new())
}

async fn offsets_past_32_bits_never_wrap(disk: &dyn Disk) -> Result<()> {
    const FOUR_GIB: u64 = 1 << 32;
    let file = create(disk, "offsets_past_32_bits_never_wrap/file").await?;
    file.write_at(b"start", 0)?;
    let mut buf = [0; 5];
    same("count", &file.read_at(&mut buf, FOUR_GIB)?, &0)?;
    // A disk may have no room for so long a file, but must then say so.
    match file.write_at(b"far", FOUR_GIB) {
        Ok(()) => {
            same("size", &file.size()?, &(FOUR_GIB + 3))?;
            same("count", &file.read_at(&mut buf, FOUR_GIB)?, &3)?;
            same("bytes", &buf, b"far\0\0")?;
        }
        Err(error) => same("code", &error.code(), &Code::QuotaExceeded)?,
    }
    file.read_at(&mut buf, 0)?;
    same("bytes at the start", &buf, b"start")?;
    match file.truncate(FOUR_GIB + 1) {
        Ok(()) => same("size", &file.size()?, &(FOUR_GIB + 1))?,
        Err(error) => same("code", &error.code(), &Code::QuotaExceeded)?,
    }
    file.truncate(5)?;
    holds(&*file, b"start")
}

async fn offsets_past_53_bits_are_refused(disk: &dyn Disk) -> Result<()> {
    let file = create(disk, "offsets_past_53_bits_are_refused/file").await?;
    for offset in [MAX_FILE_OFFSET, MAX_FILE_OFFSET + 1, u64::MAX] {
        refused(file.read_at(&mut [0; 2], offset), Code::InvalidArgument)?;
        refused(file.write_at(&[0; 2], offset), Code::InvalidArgument)?;
    }
    for size in [MAX_FILE_OFFSET + 1, u64::MAX] {
        refused(file.truncate(size), Code::InvalidArgument)?;
    }
    same("size", &file.size()?, &0)
}

async fn create(disk: &dyn Disk, path: &str) -> Result<Rc<dyn File>> {
    disk.open(path, OpenMode::CreateNew).await
}

async fn put(disk: &dyn Disk, path: &str, bytes: &[u8]) -> Result<()> {
    create(disk, path).await?.write_at(bytes, 0)
}

async fn content_is(disk: &dyn Disk, path: &str, expected: &[u8]) -> Result<()> {
    holds(&*disk.open(path, OpenMode::Existing).await?, expected)
}

fn holds(file: &dyn File, expected: &[u8]) -> Result<()> {
    let bytes = read_all(file)?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    same("content", &text(&bytes), &text(expected))
}

fn same<T: PartialEq + Debug + ?Sized>(what: &str, actual: &T, expected: &T) -> Result<()> {
    if actual == expected {
        return Ok(());
    }
    Err(wrong(format!("{what} is {actual:?}, not {expected:?}")))
}

fn refused<T>(outcome: Result<T>, code: Code) -> Result<()> {
    match outcome {
        Ok(_) => Err(wrong(format!("it was done, where {code} was due"))),
        Err(error) if error.code() == code => Ok(()),
        Err(error) => Err(wrong(format!("it failed with {error}, not {code}"))),
    }
}

fn wrong(message: String) -> Error {
    Error::new(Code::Internal, message)
}
