// The only place that calls the operating system: identity of files, locks, durability, free space,
// randomness. A port to another system is another os.cpp behind this header.
#pragma once

#include <cstddef>
#include <cstdint>
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
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
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
  void close();
  // Forgets the descriptor without closing it.
  void abandon() { descriptor_ = -1; }

 private:
  int descriptor_ = -1;
};

// All functions that return std::error_code leave it empty on success.

// Opens an existing file for reading, or for reading and writing.
enum class Access : std::uint8_t { read, read_write };
std::error_code open_file(const std::string& path, Access access, File& file);
std::error_code facts_of(const std::string& path, FileFacts& facts);  // follows symbolic links
std::error_code facts_of_link(const std::string& path, FileFacts& facts);
std::error_code facts_of(const File& file, FileFacts& facts);
// Whether this process may make files in the folder.
bool can_create_in(const std::string& folder);
// Whether the file could be opened for writing, or made where it is missing. Does not open it.
bool can_write_or_create(const std::string& path);
// Whether the folder lets this process put another file in the place of this one.
bool can_replace(const std::string& path);
// The path with every symbolic link resolved; the path itself where that fails.
std::string resolved(const std::string& path);
// Reads up to into.size() bytes at the offset; fewer only at the end of the file.
std::error_code read_at(const File& file, std::uint64_t offset, std::span<char> into,
                        std::size_t& read_bytes);
// Asks for these bytes to be read into memory soon. Returns at once.
void read_ahead(const File& file, std::uint64_t offset, std::uint64_t bytes);

// Reads what there is, up to into.size() bytes; 0 at the end of the file. Waits where nothing is there yet.
std::error_code read_next(const File& file, std::span<char> into, std::size_t& read_bytes);
File standard_input();
bool is_terminal(int descriptor);
// Opens /dev/null in the place of each standard stream that is closed.
void open_missing_standard_streams();

std::error_code sync_file(const std::string& path);
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
// Creates a folder that only this user may enter, below another, and tells its path.
std::error_code create_private_folder(const std::string& parent, std::string& path);
void remove_folder_quietly(const std::string& path);
std::error_code add_symbolic_link(const std::string& to, const std::string& path);
std::error_code write_at(const File& file, std::uint64_t offset, std::string_view bytes);
std::string folder_of(const std::string& path);
// Where TMPDIR says, else /tmp.
std::string temporary_folder();
// Creates the file where it is missing, and gives it at least so many bytes that take room on the disk: a map over
// bytes that do not, kills the process on a full disk.
// Must not be called while this process holds a POSIX lock on the file: closing it would drop the lock.
std::error_code reserve_file(const std::string& path, std::uint64_t bytes, std::uint32_t permissions);
void remove_quietly(const std::string& path);
// Not finding the file is no error.
std::error_code remove_if_there(const std::string& path);
// The names in the folder of path, without their folder.
std::vector<std::string> neighbours_of(const std::string& path);

// Makes this memory, which must be the caller's own, resident in one call. Does nothing where the system cannot.
void make_resident(char* begin, std::size_t bytes);

// Advisory whole-file lock that belongs to the open file, not to the process or thread.
enum class LockMode : std::uint8_t { shared, exclusive };
bool try_lock(const File& file, LockMode mode);
// The same: std::errc::resource_unavailable_try_again while another open file has the lock; anything else means that the file
// system has no locks.
std::error_code lock_at_once(const File& file, LockMode mode);
void unlock(const File& file);
// Another lock of the same file: who waits for the first one holds it. A file open for reading only, and a system that
// has no such lock, let everybody through.
bool try_lock_queue(const File& file);
void unlock_queue(const File& file);
// "process 4711 (drawing-app)" where the system tells who holds a lock on the file.
std::string lock_holder(const FileId& id);

// How much the file can still grow: what the disk has free, and what the limit on file sizes (ulimit -f)
// leaves.
std::uint64_t free_bytes(const std::string& path);
// "fuse.sshfs, mounted on '/mnt/site'", as far as the system tells: the kind of the file system that the file lies on.
std::string file_system_of(const std::string& path);
// The name of the network file system that the file lies on, if it is one.
std::optional<std::string_view> network_file_system(const std::string& path);

// Counts the forks that lie between this process and the start of the program: differs in a child.
std::uint64_t fork_generation();
// Descriptors registered here are closed in a forked child, so that the child does not keep the parent's
// locks.
void close_in_forked_child(int descriptor);
void forget_in_forked_child(int descriptor);

void fill_random(std::span<std::byte> into);
std::int64_t now_microseconds();  // since 1970-01-01 UTC

}  // namespace piecemark::engine::os
