#include "damaged_file.h"

#include <algorithm>
#include <array>
#include <span>

namespace piecemark::engine {

using namespace lmdb;  // NOLINT(google-build-using-namespace): the vocabulary of this file

namespace {

constexpr std::uint64_t kUsualPageSize = 4096;
constexpr std::uint64_t kPageSizeMin = 512;
constexpr std::uint64_t kPageSizeMax = 65536;
constexpr unsigned kDepthMax = 32;  // of LMDB's own cursors
// No value of a table comes near; a forged size must not make room for itself.
constexpr std::uint64_t kValueSizeMax = std::uint64_t{64} << 20;

bool is_page_size(std::uint64_t size) {
  return size >= kPageSizeMin && size <= kPageSizeMax && (size & (size - 1)) == 0;
}

}  // namespace

// Follows one tree through sound pages.
class DamagedFile::Walk {
 public:
  // Of a tree of the live commit; pages that cannot be followed are noted.
  Walk(DamagedFile& file, TreeKind kind) : file_(file), kind_(kind), reached_(file.reached_), noted_(&file) {}
  // Of the commit before.
  Walk(const DamagedFile& file, TreeKind kind, PageSet& reached)
      : file_(file), kind_(kind), reached_(reached) {}

  void run(const Tree& tree, const EntryVisitor& visit, const RangeVisitor& on_lost) {
    if (tree.root == kNoRoot && tree.entries == 0) return;
    depth_ = tree.depth;
    visit_ = &visit;
    on_lost_ = &on_lost;
    if (depth_ < 1 || depth_ > kDepthMax) {
      note(tree.root, "impossible depth of the tree that begins here");
      on_lost({});
      return;
    }
    follow(tree.root, 1, {});
  }

 private:
  struct Bounds {
    std::optional<Bytes> from;
    std::optional<Bytes> to;
  };

  void note(std::uint64_t page, const char* reason) const {
    if (noted_ != nullptr) noted_->damage_.push_back({page, reason});
  }
  void note_page_without_entries(std::uint64_t page) const {
    if (noted_ != nullptr && page < file_.page_count_) noted_->known_damage_.insert(page);
  }

  void lose(const Bounds& bounds) const {
    (*on_lost_)({std::string(bounds.from.value_or("")),
                 bounds.to ? std::optional(std::string(*bounds.to)) : std::nullopt});
  }

  bool is_less(Bytes a, Bytes b) const {
    if (kind_ == TreeKind::free) return load<std::uint64_t>(a.data()) < load<std::uint64_t>(b.data());
    return a < b;
  }

  // The first key of a branch page stands for everything below its second, and is not looked at.
  bool has_order(const std::string& page, unsigned count, bool is_leaf, const Bounds& bounds) const {
    std::optional<Bytes> before;
    for (unsigned i = is_leaf ? 0 : 1; i < count; ++i) {
      const Bytes key = PageHeader{page.data()}.node(i).key();
      if ((before && !is_less(*before, key)) || (bounds.from && is_less(key, *bounds.from)) ||
          (bounds.to && !is_less(key, *bounds.to))) {
        return false;
      }
      before = key;
    }
    return true;
  }

  // Why the page cannot be followed; nullptr if it can.
  const char* objection_to(std::uint64_t page) const {
    if (page < 2 || page >= file_.page_count_) return "a page that the file does not have";
    if (reached_.contains(page)) return "a page that is reached twice";
    if (file_.free_.contains(page)) return "a page that the free list has, too";
    return nullptr;
  }

  void follow(std::uint64_t page, unsigned level, const Bounds& bounds) {
    const bool is_leaf = level == depth_;
    const char* objection = objection_to(page);
    std::string bytes;
    unsigned count = 0;
    if (objection == nullptr) {
      bytes = file_.read_page(page);
      const PageHeader header{bytes.data()};
      if (header.number() != page || header.flags() != (is_leaf ? kLeafPage : kBranchPage)) {
        objection = "a page of the wrong kind";
      } else {
        count = file_.sound_nodes(kind_, is_leaf, bytes, &objection);
        if (objection == nullptr && !has_order(bytes, count, is_leaf, bounds)) {
          objection = "keys out of order";
        }
      }
    }
    if (objection != nullptr) {
      note(page, objection);
      if (!is_leaf || kind_ != TreeKind::table) note_page_without_entries(page);
      lose(bounds);
      return;
    }
    reached_.insert(page);
    for (unsigned i = 0; i < count; ++i) {
      const Node node = PageHeader{bytes.data()}.node(i);
      if (is_leaf) {
        give(node, page);
      } else {
        follow(node.child(), level + 1,
               {i == 0 ? bounds.from : node.key(),
                i + 1 < count ? std::optional(PageHeader{bytes.data()}.node(i + 1).key()) : bounds.to});
      }
    }
  }

  void give(const Node& node, std::uint64_t page) {
    if (!node.has_big_data()) {
      (*visit_)({node.key(), {node.data(), node.data_size()}, page, 0});
      return;
    }
    const auto value = file_.overflow_value(node);
    if (!value || !reach_overflow(node)) note(node.first_overflow_page(), "damaged overflow pages");
    if (value) {
      (*visit_)({node.key(), *value, page, node.first_overflow_page()});
    } else {
      lose({node.key(), std::string(node.key()) + '\0'});
    }
  }

  bool reach_overflow(const Node& node) {
    if (!file_.has_sound_overflow(node)) return false;
    const auto first = node.first_overflow_page();
    const std::uint64_t pages = overflow_pages_for(node.data_size(), file_.page_size_);
    for (std::uint64_t page = first; page < first + pages; ++page) {
      if (objection_to(page) != nullptr) return false;
    }
    for (std::uint64_t page = first; page < first + pages; ++page) reached_.insert(page);
    return true;
  }

  const DamagedFile& file_;
  TreeKind kind_;
  PageSet& reached_;
  DamagedFile* noted_ = nullptr;
  unsigned depth_ = 0;
  const EntryVisitor* visit_ = nullptr;
  const RangeVisitor* on_lost_ = nullptr;
};

DamagedFile::DamagedFile(const os::File& file) : file_(file) {
  os::FileFacts facts;
  if (!os::facts_of(file_, facts)) file_size_ = facts.size_bytes;
  load_metas();
  page_size_ = metas_.empty() ? guessed_page_size() : metas_.front().page_size;
  page_count_ = (file_size_ + page_size_ - 1) / page_size_;
  for (PageSet* pages : {&reached_, &previous_, &free_, &known_damage_}) pages->resize(page_count_);
  read_free_list();
  read_tables();
  follow_previous();
}

// Bytes that the file does not have, or that cannot be read, are 0.
std::string DamagedFile::read(std::uint64_t offset, std::uint64_t size) const {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  if (!os::read_at(file_, offset, bytes, got)) return bytes;
  // Around a bad sector the rest of the pages can still be read.
  constexpr std::uint64_t kSector = 512;
  for (std::uint64_t at = 0; at < size; at += kSector) {
    const auto sector = std::span(bytes).subspan(at, std::min(kSector, size - at));
    if (os::read_at(file_, offset + at, sector, got)) std::fill(sector.begin(), sector.end(), '\0');
  }
  return bytes;
}

std::optional<DamagedFile::Meta> DamagedFile::load_meta(std::uint64_t page, std::uint64_t offset) const {
  const std::string bytes = read(offset, kHeaderSize + kMetaSize);
  const PageHeader header{bytes.data()};
  const lmdb::Meta meta = lmdb::load_meta(bytes.data() + kHeaderSize);
  const Meta loaded{.page = page,
                    .page_size = meta.page_size(),
                    .free = meta.free,
                    .main = meta.main,
                    .last_page = meta.last_page,
                    .transaction = meta.transaction};
  const bool is_sound = header.number() == page && (header.flags() & kMetaPage) != 0 &&
                        meta.magic == kMagic && meta.version == kVersion && is_page_size(meta.page_size()) &&
                        (page == 0 || offset == meta.page_size()) && (meta.free.flags & kIntegerKeys) != 0 &&
                        meta.main.flags == 0 && meta.last_page >= 1 &&
                        (meta.transaction == 0 || meta.transaction % 2 == page);
  return is_sound ? std::optional(loaded) : std::nullopt;
}

void DamagedFile::load_metas() {
  if (const auto first = load_meta(0, 0)) metas_.push_back(*first);
  std::optional<Meta> second;
  for (std::uint64_t size = kPageSizeMin; size <= kPageSizeMax && !second; size *= 2) {
    if (metas_.empty() || metas_.front().page_size == size) second = load_meta(1, size);
  }
  if (metas_.empty()) damage_.push_back({0, "no sound meta page"});
  if (second) {
    metas_.push_back(*second);
  } else {
    damage_.push_back({1, "no sound meta page"});
  }
  std::stable_sort(metas_.begin(), metas_.end(),
                   [](const Meta& a, const Meta& b) { return a.transaction > b.transaction; });
  // Commits write the two in turns: of others at most one says the truth, and nobody knows which.
  const bool are_successive = metas_.size() < 2 || metas_[0].transaction <= metas_[1].transaction + 1;
  if (!are_successive) {
    damage_.push_back({metas_[0].page, "the meta pages are not of successive commits"});
  }
}

// The size at which most pages have their own number.
std::uint64_t DamagedFile::guessed_page_size() const {
  std::uint64_t best = kUsualPageSize;
  std::uint64_t most = 0;
  for (std::uint64_t size = kPageSizeMin; size <= kPageSizeMax; size *= 2) {
    std::uint64_t matching = 0;
    for (std::uint64_t page = 2; page * size < file_size_ && page < 4096; ++page) {
      const std::string number = read(page * size, sizeof page);
      if (load<std::uint64_t>(number.data()) == page) ++matching;
    }
    // A larger page size sees fewer pages, all of which are in place if it is right.
    if (matching > most) {
      most = matching;
      best = size;
    }
  }
  return best;
}

void DamagedFile::read_free_list() {
  if (metas_.empty()) return;
  const Meta& live = metas_.front();
  PageSet free_pages = free_;
  bool is_whole = true;
  std::uint64_t entries = 0;
  const auto collect = [&](const Entry& entry) {
    ++entries;
    constexpr std::size_t kNumber = sizeof(std::uint64_t);
    const std::uint64_t count =
        entry.value.size() < kNumber ? ~std::uint64_t{0} : load<std::uint64_t>(entry.value.data());
    if (entry.value.size() % kNumber != 0 || count >= entry.value.size() / kNumber ||
        load<std::uint64_t>(entry.key.data()) > live.transaction) {
      is_whole = false;
      return;
    }
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto page = load<std::uint64_t>(entry.value.data() + i * kNumber);
      if (page < 2 || page > live.last_page || free_pages.contains(page)) is_whole = false;
      if (page < page_count_) free_pages.insert(page);
    }
  };
  Walk(*this, TreeKind::free).run(live.free, collect, [&](const Range&) { is_whole = false; });
  if (!is_whole || entries != live.free.entries) {
    damage_.push_back({live.page, "the free list that this meta page leads to is damaged"});
    return;
  }
  free_ = std::move(free_pages);
  knows_free_pages_ = true;
}

void DamagedFile::read_tables() {
  if (metas_.empty()) return;
  has_all_tables_ = true;
  Walk(*this, TreeKind::main)
      .run(
          metas_.front().main,
          [&](const Entry& entry) { tables_.emplace(entry.key, load_tree(entry.value.data())); },
          [&](const Range&) { has_all_tables_ = false; });
}

void DamagedFile::follow_previous() {
  if (metas_.size() < 2) return;
  std::vector<Tree> trees;
  // The free list is that of the live commit, and says nothing about this one.
  PageSet free_pages;
  std::swap(free_, free_pages);
  Walk(*this, TreeKind::main, previous_)
      .run(
          metas_.back().main, [&](const Entry& entry) { trees.push_back(load_tree(entry.value.data())); },
          [](const Range&) {});
  for (const Tree& tree : trees) {
    Walk(*this, TreeKind::table, previous_)
        .run(
            tree, [](const Entry&) {}, [](const Range&) {});
  }
  std::swap(free_, free_pages);
}

void DamagedFile::walk(std::string_view table, const EntryVisitor& visit, const RangeVisitor& on_lost) {
  const auto found = tables_.find(table);
  if (found != tables_.end()) {
    Walk(*this, TreeKind::table).run(found->second, visit, on_lost);
  } else if (!has_all_tables_) {
    on_lost({});
  }
}

std::vector<std::string> DamagedFile::tables() const {
  std::vector<std::string> names;
  for (const auto& [name, tree] : tables_) names.push_back(name);
  return names;
}

std::optional<std::uint64_t> DamagedFile::entries(std::string_view table) const {
  const auto found = tables_.find(table);
  if (found != tables_.end()) return found->second.entries;
  return has_all_tables_ ? std::optional<std::uint64_t>(0) : std::nullopt;
}

bool DamagedFile::finds_every_live_page() const {
  if (!knows_free_pages_ || metas_.front().last_page >= page_count_) return false;
  for (std::uint64_t page = 2; page <= metas_.front().last_page; ++page) {
    if (free_.contains(page) || reached_.contains(page) || known_damage_.contains(page)) continue;
    const std::string bytes = read_page(page);
    const PageHeader header{bytes.data()};
    const char* objection = nullptr;
    if (header.number() == page && header.flags() == kOverflowPage && header.overflow_pages() > 0) {
      page += header.overflow_pages() - 1;
    } else if (header.number() != page || (header.flags() != kLeafPage && header.flags() != kBranchPage) ||
               sound_nodes(TreeKind::table, header.flags() == kLeafPage, bytes, &objection) == 0) {
      return false;
    }
  }
  return true;
}

DamagedFile::Standing DamagedFile::standing_of(std::uint64_t page) const {
  if (knows_free_pages_ && !free_.contains(page) && page <= metas_.front().last_page) return Standing::live;
  return previous_.contains(page) ? Standing::previous : Standing::unknown;
}

// Whether a node that can be one lies wholly within the page.
bool DamagedFile::is_node(TreeKind kind, bool is_leaf, const std::string& page, std::size_t offset) const {
  if (offset % 2 != 0 || offset + kNodeHeaderSize > page.size()) return false;
  const Node node{page.data() + offset};
  if (node.key_size() > kKeySizeMax) return false;
  const std::uint64_t data_size = is_leaf ? node.bytes_of_data() : 0;
  if (offset + kNodeHeaderSize + node.key_size() + data_size > page.size()) return false;
  if (!is_leaf) return true;
  if (kind == TreeKind::main) return node.flags() == kSubTree && node.data_size() == kTreeSize;
  if (kind == TreeKind::free && node.key_size() != sizeof(std::uint64_t)) return false;
  return node.key_size() > 0 && (node.flags() & ~kBigData) == 0;
}

// How many nodes the page has, all of them sound; or a reason why not.
unsigned DamagedFile::sound_nodes(TreeKind kind, bool is_leaf, const std::string& page,
                                  const char** reason) const {
  const PageHeader header{page.data()};
  *reason = "impossible bounds of the free space";
  if (header.lower() < kHeaderSize || header.lower() % 2 != 0 || header.lower() > header.upper() ||
      header.upper() > page_size_) {
    return 0;
  }
  const unsigned count = (header.lower() - static_cast<unsigned>(kHeaderSize)) / 2;
  *reason = "too few nodes";
  if (count == 0) return 0;
  *reason = "nodes that overlap, leave gaps or reach beyond their page";
  std::uint64_t total = 0;
  for (unsigned i = 0; i < count; ++i) {
    const auto offset = header.node_offset(i);
    if (offset < header.upper() || !is_node(kind, is_leaf, page, offset)) return 0;
    const Node node{page.data() + offset};
    if (kind == TreeKind::free && (is_leaf || i > 0) && node.key_size() != sizeof(std::uint64_t)) return 0;
    const std::uint64_t size =
        kNodeHeaderSize + std::uint64_t{node.key_size()} + (is_leaf ? node.bytes_of_data() : 0);
    total += size + size % 2;
  }
  if (total != page_size_ - header.upper()) return 0;
  *reason = nullptr;
  return count;
}

// The bytes where the value must lie; nullopt where there cannot be any.
std::optional<std::string> DamagedFile::overflow_value(const Node& node) const {
  const auto first = node.first_overflow_page();
  if (first < 2 || first >= page_count_ || node.data_size() > kValueSizeMax) return std::nullopt;
  return read(first * page_size_ + kHeaderSize, node.data_size());
}

bool DamagedFile::has_sound_overflow(const Node& node) const {
  const auto first = node.first_overflow_page();
  if (first < 2 || first >= page_count_) return false;
  const std::string bytes = read(first * page_size_, kHeaderSize);
  const PageHeader header{bytes.data()};
  const std::uint64_t needed = overflow_pages_for(node.data_size(), page_size_);
  return header.number() == first && header.flags() == kOverflowPage && header.overflow_pages() >= needed &&
         first + needed <= page_count_;
}

// On a page that is no sound leaf page, chance makes nodes of any bytes.
void DamagedFile::scan_node(const std::string& bytes, std::size_t offset, std::uint64_t page,
                            bool is_sound_page, const EntryVisitor& visit) const {
  if (!is_node(TreeKind::table, true, bytes, offset)) return;
  const Node node{bytes.data() + offset};
  if (!node.has_big_data()) {
    visit({node.key(), {node.data(), node.data_size()}, page, 0});
  } else if (is_sound_page || has_sound_overflow(node)) {
    if (const auto value = overflow_value(node)) {
      visit({node.key(), *value, page, node.first_overflow_page()});
    }
  }
}

// What a page that is no sound leaf page seems to hold is unknown, even if the page is live.
void DamagedFile::scan(Standing standing, const EntryVisitor& visit) const {
  for (std::uint64_t page = 2; page < page_count_; ++page) {
    if (reached_.contains(page) || (standing != Standing::unknown && standing_of(page) != standing)) continue;
    const std::string bytes = read_page(page);
    const PageHeader header{bytes.data()};
    const char* objection = nullptr;
    if (header.number() == page && header.flags() == kOverflowPage) continue;
    if (header.flags() == kBranchPage && sound_nodes(TreeKind::table, false, bytes, &objection) > 0) continue;
    const unsigned count =
        header.flags() == kLeafPage ? sound_nodes(TreeKind::table, true, bytes, &objection) : 0;
    if (count == 0) {
      if (standing == Standing::unknown) scan_remains(bytes, page, visit);
    } else if (standing_of(page) == standing) {
      for (unsigned i = 0; i < count; ++i) {
        scan_node(bytes, header.node_offset(i), page, true, visit);
      }
    }
  }
}

void DamagedFile::scan_overflow(Standing standing, const ValueVisitor& visit) const {
  for (std::uint64_t page = 2; page < page_count_; ++page) {
    if (reached_.contains(page) || standing_of(page) != standing) continue;
    const std::string bytes = read(page * page_size_, kHeaderSize);
    const PageHeader header{bytes.data()};
    const std::uint64_t pages = header.overflow_pages();
    if (header.number() != page || header.flags() != kOverflowPage || pages == 0 ||
        pages > page_count_ - page || pages * page_size_ > kValueSizeMax) {
      continue;
    }
    visit(read(page * page_size_ + kHeaderSize, pages * page_size_ - kHeaderSize), page);
    page += pages - 1;
  }
}

// Nodes wherever one can lie. The free space of a page holds older ones, and is left out where the page still says
// where it ends.
void DamagedFile::scan_remains(const std::string& bytes, std::uint64_t page,
                               const EntryVisitor& visit) const {
  const PageHeader header{bytes.data()};
  const bool is_leaf = header.number() == page && header.flags() == kLeafPage && header.upper() % 2 == 0;
  for (std::size_t at = is_leaf ? header.upper() : kHeaderSize; at < bytes.size(); at += 2) {
    scan_node(bytes, at, page, false, visit);
  }
}

}  // namespace piecemark::engine
