// Reads the entries of a file that may not be mapped, because it is damaged: with reads of the file alone, trusting
// nothing. What an entry says is for its checksum to prove.
//
// LMDB's pages have no checksum and no transaction number. What can be known of a page, and how:
//   live      it belongs to the commit that the newest sound meta page describes: the trees of that commit reach it, or
//             its free list, if it is whole, does not have the page and the page does not lie behind the last one
//   previous  the trees of the commit before reach it, which the other meta page describes
//   unknown   anything else: free pages, which hold what earlier commits had there, or what a transaction wrote there
//             that never came to its commit; where the free list is damaged, what has been live; and whatever lies on
//             a live page that is damaged, because the free space of a page holds what lay there before, even what a
//             transaction wrote over again before its commit
//
// A tree is followed only through pages that are sound by themselves and fit to their parents. What lies below
// others is lost to the tree, and found again by scan().
//
// Cost    reads every page once for the trees, and once for each scan
// Memory  four bits a page, and a page for each level of a tree
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lmdb_pages.h"
#include "os.h"
#include "page_check.h"

namespace piecemark::engine {

class DamagedFile {
 public:
  enum class Standing : std::uint8_t { live, previous, unknown };

  struct Entry {
    Bytes key;
    Bytes value;  // Bytes that the file does not have any more are 0.
    std::uint64_t page = 0;
    std::uint64_t overflow_page = 0;  // the first one that the value lies on; 0 if it lies in the page itself
  };
  // Keys from the first up to, but without, the second. No second: up to the end.
  struct Range {
    std::string from;
    std::optional<std::string> to;
  };
  using EntryVisitor = std::function<void(const Entry&)>;
  using RangeVisitor = std::function<void(const Range&)>;

  // The file must not be written meanwhile.
  explicit DamagedFile(const os::File& file);

  // The entries of a table of the live commit, as far as its tree leads, in the order of their keys; and, in their
  // place among them, ranges of keys that the tree has lost. To be called once for a table, and before scan().
  void walk(std::string_view table, const EntryVisitor& visit, const RangeVisitor& on_lost);
  // Everything that looks like an entry on the pages of this standing that no walk has reached.
  void scan(Standing standing, const EntryVisitor& visit) const;

  // The same for values on overflow pages; whether an entry found otherwise has one, the caller knows by its overflow
  // page. Gives what the pages hold, which is the value and what lies behind it.
  using ValueVisitor = std::function<void(Bytes value, std::uint64_t overflow_page)>;
  void scan_overflow(Standing standing, const ValueVisitor& visit) const;

  // Tables whose records were found. One that is not there is lost if has_all_tables() is false.
  std::vector<std::string> tables() const;
  bool has_all_tables() const { return has_all_tables_; }
  // How many entries the file says that the table has; nullopt where its record is lost.
  std::optional<std::uint64_t> entries(std::string_view table) const;

  // Both meta pages are sound, so that the live commit is the last one.
  bool knows_last_commit() const { return metas_.size() == 2; }
  // Whether the walks of all tables and scan(live) together see every page that entries of the live commit lie on: it
  // is known of every page whether it is live, and no live one is damaged but those that had none.
  bool finds_every_live_page() const;
  // What kept a tree from being followed, and damaged meta pages.
  const std::vector<PageDamage>& damage() const { return damage_; }

 private:
  class PageSet {
   public:
    void resize(std::uint64_t pages) { bits_.assign(pages, false); }
    bool contains(std::uint64_t page) const { return page < bits_.size() && bits_[page]; }
    void insert(std::uint64_t page) { bits_[page] = true; }

   private:
    std::vector<bool> bits_;
  };
  struct Meta {
    std::uint64_t page = 0;
    std::uint64_t page_size = 0;
    lmdb::Tree free;
    lmdb::Tree main;
    std::uint64_t last_page = 0;
    std::uint64_t transaction = 0;
  };
  enum class TreeKind : std::uint8_t { free, main, table };
  class Walk;
  friend class Walk;

  std::string read(std::uint64_t offset, std::uint64_t size) const;
  std::string read_page(std::uint64_t page) const { return read(page * page_size_, page_size_); }
  std::optional<Meta> load_meta(std::uint64_t page, std::uint64_t offset) const;
  void load_metas();
  std::uint64_t guessed_page_size() const;
  void read_free_list();
  void read_tables();
  void follow_previous();

  Standing standing_of(std::uint64_t page) const;
  bool is_node(TreeKind kind, bool is_leaf, const std::string& page, std::size_t offset) const;
  unsigned sound_nodes(TreeKind kind, bool is_leaf, const std::string& page, const char** reason) const;
  std::optional<std::string> overflow_value(const lmdb::Node& node) const;
  bool has_sound_overflow(const lmdb::Node& node) const;
  void scan_node(const std::string& bytes, std::size_t offset, std::uint64_t page, bool is_sound_page,
                 const EntryVisitor& visit) const;
  void scan_remains(const std::string& bytes, std::uint64_t page, const EntryVisitor& visit) const;

  const os::File& file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t page_size_ = 0;
  std::uint64_t page_count_ = 0;  // of the file, the last one perhaps in part
  std::vector<Meta> metas_;       // the sound ones, the newest first
  PageSet reached_;               // by the live trees
  PageSet previous_;              // by the trees of the commit before
  PageSet free_;
  PageSet known_damage_;  // where the live trees have other pages than those with entries of tables
  bool knows_free_pages_ = false;
  std::map<std::string, lmdb::Tree, std::less<>> tables_;
  bool has_all_tables_ = false;
  std::vector<PageDamage> damage_;
};

}  // namespace piecemark::engine
