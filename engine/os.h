// The only place that calls the operating system: identity of files, locks, durability, free space,
// randomness. A port to another system is another os.cpp behind this header.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace piecemark::engine::os {

// Tells one file from another whatever its name.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend auto operator<=>(const FileId&, const FileId&) = default;
};

struct FileFacts {
  FileId id;
  std::uint64_t size_bytes = 0;
  std::uint64_t names = 1;        // hard links
  std::uint32_t permissions = 0;  // of owner, group and others
  bool has_special_bits = false;  // set-user-id, set-group-id or sticky
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::int64_t modified_ns = 0;  // since 1970-01-01 UTC
  bool is_regular = false;
  bool is_directory = false;
};

// An open file. Closed with the object.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  explicit operator bool() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  void close() noexcept;
  // Forgets the descriptor without closing it.
  void abandon() noexcept { descriptor_ = -1; }

 private:
  friend std::error_code open_to_lock(File& file, const std::function<std::error_code(File&)>& open);
  int descriptor_ = -1;
  bool is_closed_in_child_ = false;
};

// All functions that return std::error_code leave it empty on success.

// Opens an existing file for reading, or for reading and writing.
enum class Access : std::uint8_t { read, read_write };
std::error_code open_file(const std::string& path, Access access, File& file);
// Opens an existing file for writing behind nothing: what it holds stays, until it is written over.
std::error_code open_to_write(const std::string& path, File& file);
// Opens, by the function that is given, a file that will be locked: a forked child closes its copy of the descriptor, which
// would keep the locks beyond the end of this one.
std::error_code open_to_lock(File& file, const std::function<std::error_code(File&)>& open);
std::error_code facts_of(const std::string& path, FileFacts& facts);  // follows symbolic links
std::error_code facts_of_link(const std::string& path, FileFacts& facts);
std::error_code facts_of(const File& file, FileFacts& facts);
std::uint64_t names_of(const File& file);  // 0 where it has lost its last one
// Whether this process may make files in the folder; what keeps it from that.
bool can_create_in(const std::string& folder);
std::error_code may_create_in(const std::string& folder);
// Whether the file could be opened for writing, or made where it is missing. Does not open it.
bool can_write_or_create(const std::string& path);
// Whether the folder lets this process put another file in the place of this one.
bool can_replace(const std::string& path);
// Whether this process acts for the owner of the file, or for root.
bool acts_for_owner(const File& file);
// The path with every symbolic link resolved; the path itself where that fails.
std::string resolved(const std::string& path);
// Where the symbolic link of this name leads, and the links that it leads to; what the last one names need not be there.
std::string end_of_links(const std::string& path);
// The descriptor of this process that the name stands for: /dev/stdout, /dev/fd/3, /proc/self/fd/3, or a link to them.
std::optional<int> stream_named(const std::string& path);
// Reads up to into.size() bytes at the offset; fewer only at the end of the file.
std::error_code read_at(const File& file, std::uint64_t offset, std::span<char> into,
                        std::size_t& read_bytes);
// Asks for these bytes to be read into memory soon. Returns at once.
void read_ahead(const File& file, std::uint64_t offset, std::uint64_t bytes);
// Copies the first bytes of a file into an empty one, by reference where the file system can. Fewer only where the file
// is shorter.
std::error_code copy_bytes(const File& from, const File& to, std::uint64_t bytes);
// Whether the file system is mounted so that nobody can write to it.
bool is_on_read_only_file_system(const File& file);

// Reads what there is, up to into.size() bytes; 0 at the end of the file. Waits where nothing is there yet.
std::error_code read_next(const File& file, std::span<char> into, std::size_t& read_bytes);
File standard_input();
// To standard error, from a handler of a signal.
void write_in_handler(std::string_view text) noexcept;
void remove_in_handler(const char* path) noexcept;
// Writes all of it where the file is, as it goes on. Waits where nobody takes it yet.
std::error_code write_next(const File& file, std::string_view bytes);
// Where the next read_next() reads; nullopt for what has no places.
std::optional<std::uint64_t> place_of(const File& file);
std::error_code go_to(const File& file, std::uint64_t place);
std::error_code set_size(const File& file, std::uint64_t bytes);
// The same open file once more; none for a descriptor that is closed.
File duplicate(int descriptor);
bool is_terminal(int descriptor);
// Opens /dev/null in the place of each standard stream that is closed.
void open_missing_standard_streams();

std::error_code sync_file(const std::string& path);
std::error_code sync_data(const File& file);
// Makes created, renamed or removed names in the folder durable.
std::error_code sync_folder(const std::string& folder);
std::error_code set_permissions(const File& file, std::uint32_t permissions);
// Asks for no change where there is none.
std::error_code set_owner(const File& file, std::uint32_t owner, std::uint32_t group);
// What the group itself may (0 to 7), where the file has an access control list: its permissions then say what anybody in
// that list may at most. nullopt without a list.
std::optional<std::uint32_t> group_in_access_list(const File& file);
std::error_code remove_access_list(const File& file);
// Gives the file a new name; fails with std::errc::file_exists where that name is taken.
std::error_code rename_without_replacing(const std::string& from, const std::string& to);
std::error_code rename_replacing(const std::string& from, const std::string& to);
// Gives the file a second name (a hard link); fails with std::errc::operation_not_permitted where the file system has no
// second names.
std::error_code add_name(const std::string& present, const std::string& added);
// Creates a file that nobody else has; fails with std::errc::file_exists where the name is taken. The umask takes its part
// of the permissions.
std::error_code create_exclusively(const std::string& path, std::uint32_t permissions, File& file);
// Opens the file for writing, and creates it so where it is missing.
std::error_code create_if_missing(const std::string& path, std::uint32_t permissions, File& file);
// The group that a file gets which this process makes in the folder.
std::uint32_t group_of_new_files(const std::string& folder);
// Creates a file without a name, which is gone when it is closed.
std::error_code create_unnamed(const std::string& folder, File& file);
// The same in memory.
std::error_code create_in_memory(File& file);
// Creates a folder that only this user may enter, below another, and tells its path.
std::error_code create_private_folder(const std::string& parent, std::string& path);
void remove_folder_quietly(const std::string& path);
std::error_code add_symbolic_link(const std::string& to, const std::string& path);
std::error_code write_at(const File& file, std::uint64_t offset, std::string_view bytes);
std::string folder_of(const std::string& path);
// Where TMPDIR says, else /tmp.
std::string temporary_folder();
// Opens a file for reading and writing; fails with std::errc::too_many_symbolic_link_levels for a symbolic link.
std::error_code open_itself(const std::string& path, File& file);
// Gives these bytes of the file, which may lie beyond its end, room on the disk.
std::error_code reserve_range(const File& file, std::uint64_t offset, std::uint64_t bytes);
void remove_quietly(const std::string& path);
// Not finding the file is no error.
std::error_code remove_if_there(const std::string& path);
// The names in the folder of path, without their folder.
std::vector<std::string> neighbours_of(const std::string& path);

// Makes this memory, which must be the caller's own, resident in one call. Does nothing where the system cannot.
void make_resident(char* begin, std::size_t bytes);

// Locks on ranges of bytes, which need not exist in the file. They belong to the open file, not to the process or the
// thread, conflict with those of every other open file, and end when it is closed. A range that this open file has locked
// already changes its mode.
enum class LockMode : std::uint8_t { shared, exclusive };
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};
// std::errc::resource_unavailable_try_again where another open file holds it. An exclusive lock takes a file that is open
// for writing.
std::error_code try_lock(int descriptor, const ByteRange& range, LockMode mode);
void unlock(int descriptor, const ByteRange& range) noexcept;
// A lock that keeps this one from being acquired, if there is one: one of several.
std::optional<ByteRange> conflicting_lock(int descriptor, const ByteRange& range, LockMode mode);
// The lock of LMDB's kind: it belongs to the process, and ends when the process closes any descriptor of the file.
std::error_code lock_for_process(int descriptor, const ByteRange& range, LockMode mode);

// Waits until the word differs from `seen`, a wake() comes, or the time is over. The word may lie in memory that processes
// share.
void wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen,
                     std::chrono::microseconds timeout) noexcept;
void wake_all(const std::atomic<std::uint32_t>& word) noexcept;

// Bytes of a file as memory that all processes share which map them. They must exist, and have room on the disk.
class SharedMemory {
 public:
  SharedMemory() = default;
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  // A forked child does not have it: else it would keep the file open, and its locks.
  static std::error_code map(const File& file, std::uint64_t offset, std::size_t size, SharedMemory& memory);
  // In a forked child.
  void abandon() noexcept { data_ = nullptr; }
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

// While it lives, the calling thread gets no signals but those for its own faults; nor do threads that it starts, for as
// long as they run.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept;
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked();

 private:
  sigset_t before_{};
};

std::uint32_t process_id();
// Tells the namespaces of process ids (containers) of this machine apart; 0 where the system does not tell.
std::uint16_t process_namespace();
// The name of the program that runs in a process of this namespace; empty where the system does not tell.
std::string process_name(std::uint32_t process_id);

// How much the file can still grow: what the disk has free, and what the limit on file sizes (ulimit -f)
// leaves.
std::uint64_t free_bytes(const std::string& path);
// "fuse.sshfs, mounted on '/mnt/site'", as far as the system tells: the kind of the file system that the file lies on.
std::string file_system_of(const std::string& path);
// The name of the network file system that the file lies on, if it is one.
std::optional<std::string_view> network_file_system(const std::string& path);

// Counts the forks that lie between this process and the start of the program: differs in a child.
std::uint64_t fork_generation() noexcept;
void fill_random(std::span<std::byte> into);
std::int64_t now_microseconds();  // since 1970-01-01 UTC

}  // namespace piecemark::engine::os
