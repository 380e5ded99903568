#include "engine/file_owner.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

class FileOwnerTest : public ::testing::Test {
 protected:
  os::File make(const std::string& name, std::uint32_t permissions) const {
    os::File file;
    EXPECT_FALSE(os::create_exclusively(folder_.path(name), 0600, file));
    EXPECT_FALSE(os::set_permissions(file, permissions));
    return file;
  }
  static FileOwner of(const os::File& file) {
    FileOwner owner;
    EXPECT_FALSE(owner_of(file, owner));
    return owner;
  }

  // Gives `file` a list that lets user 4711 read and write, and the group read.
  static bool add_access_list(const os::File& file, const char* name) {
    const auto entry = [](std::uint16_t tag, std::uint16_t may, std::uint32_t id) {
      std::string bytes;
      bytes.append(reinterpret_cast<const char*>(&tag), sizeof tag);
      bytes.append(reinterpret_cast<const char*>(&may), sizeof may);
      return bytes.append(reinterpret_cast<const char*>(&id), sizeof id);
    };
    constexpr std::uint32_t kNobody = ~std::uint32_t{0};
    const std::string list = std::string("\2\0\0\0", 4) + entry(0x01, 6, kNobody) + entry(0x02, 6, 4711) +
                             entry(0x04, 4, kNobody) + entry(0x10, 6, kNobody) + entry(0x20, 0, kNobody);
    return ::fsetxattr(file.descriptor(), name, list.data(), list.size(), 0) == 0;
  }

  TemporaryFolder folder_;
};

TEST_F(FileOwnerTest, IsGivenWhateverTheUmask) {
  const mode_t before = ::umask(077);
  for (const std::uint32_t permissions : {0600U, 0640U, 0664U, 0666U}) {
    const std::string name = std::to_string(permissions);
    const os::File source = make("of" + name, permissions);
    if (::geteuid() == 0) {
      ASSERT_FALSE(os::set_owner(source, 65534, 65533));
    }
    const os::File file = make("to" + name, 0600);
    EXPECT_FALSE(give_to(of(source), file));
    EXPECT_EQ(of(file), of(source));
  }
  ::umask(before);
}

// As a user who is not in the group of the file.
TEST_F(FileOwnerTest, GroupThatCannotBeKeptLeavesWhatItAndOthersMight) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes root, to become another user";
  fs::permissions(folder_.path(""), fs::perms(0777));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    const os::File file = make("file", 0600);
    for (const auto& [permissions, given] : {std::pair{0600U, 0600U},
                                             {0640U, 0600U},
                                             {0644U, 0644U},
                                             {0664U, 0644U},
                                             {0604U, 0600U},
                                             {0666U, 0666U}}) {
      if (give_to({.owner = 0, .group = 0, .permissions = permissions}, file)) ::_exit(2);
      if (of(file) != FileOwner{65534, 65534, given}) ::_exit(3);
    }
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(FileOwnerTest, AccessListLetsNobodyIn) {
  const os::File source = make("source", 0640);
  if (!add_access_list(source, "system.posix_acl_access")) GTEST_SKIP() << "no access control lists here";
  EXPECT_EQ(of(source).permissions, 0640U) << "not what somebody in the list may";
  const os::File file = make("file", 0600);
  ASSERT_TRUE(add_access_list(file, "system.posix_acl_access"));
  EXPECT_FALSE(give_to(of(source), file));
  EXPECT_EQ(os::group_in_access_list(file), std::nullopt);
  EXPECT_EQ(of(file).permissions, 0640U);
}

}  // namespace
}  // namespace piecemark::engine
