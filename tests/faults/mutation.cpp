#include "mutation.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>

#include "engine/lmdb_pages.h"

namespace piecemark::testing {
namespace {

namespace lmdb = engine::lmdb;
using engine::load;
using engine::store;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFreeTree = 24;
constexpr std::size_t kMainTree = 72;
constexpr std::size_t kTransaction = 128;

class Walk {
 public:
  Walk(const std::string& bytes, Anatomy& anatomy) : bytes_(bytes), anatomy_(anatomy) {}

  enum class Kind : std::uint8_t { free, main, table };
  void tree(std::size_t record, Kind kind) {
    const lmdb::Tree tree = lmdb::load_tree(bytes_.data() + record);
    if (tree.root != lmdb::kNoRoot) page(tree.root, tree.depth, kind);
  }

 private:
  void page(std::uint64_t number, unsigned height, Kind kind) {
    const lmdb::PageHeader header{bytes_.data() + number * kPage};
    const bool is_leaf = height == 1;
    anatomy_.pages.push_back({number, is_leaf ? PageKind::leaf : PageKind::branch});
    const unsigned count = (header.lower() - static_cast<unsigned>(lmdb::kHeaderSize)) / 2;
    for (unsigned i = 0; i < count; ++i) {
      const std::size_t at = number * kPage + header.node_offset(i);
      const lmdb::Node node{bytes_.data() + at};
      anatomy_.nodes.push_back(at);
      if (is_leaf) {
        value(at, node, kind);
      } else {
        anatomy_.children.push_back(at);
        page(node.child(), height - 1, kind);
      }
    }
  }

  void value(std::size_t at, const lmdb::Node& node, Kind kind) {
    std::size_t begin = at + lmdb::kNodeHeaderSize + node.key_size();
    if (node.has_big_data()) {
      const std::uint64_t run = node.first_overflow_page();
      anatomy_.pages.push_back({run, PageKind::overflow});
      anatomy_.big_values.push_back(begin);
      anatomy_.runs.push_back(run * kPage + 12);
      begin = run * kPage + lmdb::kHeaderSize;
    }
    if (kind == Kind::free) anatomy_.free_lists.push_back(begin);
    if (kind != Kind::main) return;
    anatomy_.tables.push_back(begin);
    tree(begin, Kind::table);
  }

  const std::string& bytes_;
  Anatomy& anatomy_;
};

// One piece of damage after the other to a copy of the file.
class Mutation {
 public:
  Mutation(const std::string& bytes, const Anatomy& anatomy, std::mt19937_64& random)
      : bytes_(bytes), anatomy_(anatomy), random_(random) {}

  void apply(std::size_t kind) { (this->*kKinds.at(kind))(); }
  std::string result() && { return std::move(bytes_); }

 private:
  using Kind = void (Mutation::*)();

  std::uint64_t below(std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random_);
  }
  bool tossed() { return below(2) == 0; }
  template <class List>
  auto one_of(const List& list) {
    return list[below(std::size(list))];
  }
  char* at(std::size_t offset) { return bytes_.data() + std::min(offset, bytes_.size() - 8); }
  std::size_t used_page() { return one_of(anatomy_.pages).number * kPage; }
  std::size_t page_of(std::initializer_list<PageKind> kinds) {
    for (;;) {
      const UsedPage page = one_of(anatomy_.pages);
      if (std::find(kinds.begin(), kinds.end(), page.kind) != kinds.end()) return page.number * kPage;
    }
  }

  template <class Integer>
  void put_edge(std::size_t offset) {
    const auto old = load<Integer>(at(offset));
    const std::array<Integer, 16> values{
        0,
        1,
        2,
        7,
        8,
        15,
        16,
        static_cast<Integer>(old + 1),
        static_cast<Integer>(old - 1),
        static_cast<Integer>(old + 2),
        static_cast<Integer>(old - 2),
        static_cast<Integer>(old ^ (Integer{1} << below(8 * sizeof(Integer)))),
        static_cast<Integer>(~Integer{0}),
        static_cast<Integer>(~Integer{0} - 1),
        static_cast<Integer>(~Integer{0} >> 1),
        static_cast<Integer>(random_())};
    store(at(offset), one_of(values));
  }
  std::uint64_t some_page_number(std::uint64_t own) {
    const std::uint64_t last = bytes_.size() / kPage;
    const std::array<std::uint64_t, 12> values{one_of(anatomy_.pages).number,
                                               one_of(anatomy_.pages).number,
                                               one_of(anatomy_.pages).number,
                                               own,
                                               0,
                                               1,
                                               last - 1,
                                               last,
                                               last + 1,
                                               below(last),
                                               std::uint64_t{1} << 40,
                                               ~std::uint64_t{0}};
    return one_of(values);
  }

  void flip_bit() { *at(used_page() + below(kPage)) ^= static_cast<char>(1U << below(8)); }
  void put_random_bytes() {
    const std::size_t place = used_page() + below(kPage);
    const std::uint64_t count = 1 + below(16);
    for (std::uint64_t i = 0; i < count; ++i) *at(place + i) = static_cast<char>(random_());
  }
  void flip_header_bits() {
    const std::size_t page = used_page();
    for (std::uint64_t i = 0, count = 1 + below(3); i < count; ++i)
      *at(page + below(lmdb::kHeaderSize)) ^= static_cast<char>(1U << below(8));
  }
  void zero_page() { std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(used_page()), kPage, '\0'); }
  void put_garbage_page() {
    const std::size_t page = used_page();
    // Half of the time under a header that is right, which is what a torn write leaves.
    for (std::size_t i = tossed() ? lmdb::kHeaderSize : 0; i < kPage; ++i)
      *at(page + i) = static_cast<char>(random_());
  }
  void swap_pages() {
    const std::size_t a = used_page();
    const std::size_t b = used_page();
    std::swap_ranges(at(a), at(a) + kPage, at(b));
    if (tossed()) return;
    store(at(a), std::uint64_t{a / kPage});
    store(at(b), std::uint64_t{b / kPage});
  }
  void copy_page() {
    const std::size_t from = used_page();
    const std::size_t to = used_page();
    std::copy_n(at(from), kPage, at(to));
    if (tossed()) store(at(to), std::uint64_t{to / kPage});
  }
  void truncate() {
    const std::size_t size = below(bytes_.size());
    bytes_.resize(tossed() ? size : size / kPage * kPage);
    if (bytes_.size() < 16) bytes_.resize(16);
  }
  void put_meta_field(std::size_t meta, std::size_t field) {
    constexpr std::array<std::size_t, 4> kSmall{0, 4, kFreeTree, kMainTree};
    constexpr std::array<std::size_t, 4> kSmaller{kFreeTree + 4, kFreeTree + 6, kMainTree + 4, kMainTree + 6};
    if (std::find(kSmall.begin(), kSmall.end(), field) != kSmall.end())
      return put_edge<std::uint32_t>(meta + field);
    if (std::find(kSmaller.begin(), kSmaller.end(), field) != kSmaller.end())
      return put_edge<std::uint16_t>(meta + field);
    if ((field == kFreeTree + 40 || field == kMainTree + 40) && tossed())
      return store(at(meta + field), some_page_number(0));
    put_edge<std::uint64_t>(meta + field);
  }
  std::size_t meta_field() {
    constexpr std::array<std::size_t, 20> kFields{0,  4,  8,  16, 24, 28, 30, 32, 40,  48,
                                                  56, 64, 72, 76, 78, 80, 88, 96, 104, 112};
    const std::uint64_t choice = below(kFields.size() + 2);
    return choice < kFields.size() ? kFields[choice] : choice == kFields.size() ? 120 : kTransaction;
  }
  void put_meta_fields() {
    put_meta_field(tossed() ? anatomy_.newest_meta : anatomy_.older_meta, meta_field());
  }
  void put_fields_of_both_metas() {
    const std::size_t field = meta_field();
    put_meta_field(anatomy_.newest_meta, field);
    if (tossed()) return put_meta_field(anatomy_.older_meta, field);
    std::copy_n(at(anatomy_.newest_meta + field), 8, at(anatomy_.older_meta + field));
  }
  void put_16_bits() {
    switch (below(3)) {
      case 0:
        return put_edge<std::uint16_t>(one_of(anatomy_.nodes) + 2 * below(4));
      case 1:
        return put_edge<std::uint16_t>(used_page() + 8 + 2 * below(4));
      default:
        return put_edge<std::uint16_t>(page_of({PageKind::leaf, PageKind::branch}) + lmdb::kHeaderSize +
                                       2 * below(8));
    }
  }
  void point_child() {
    if (anatomy_.children.empty()) return put_16_bits();
    const std::size_t node = one_of(anatomy_.children);
    const std::uint64_t page = some_page_number(node / kPage);
    store(at(node), static_cast<std::uint32_t>(page));
    if (tossed()) store(at(node + 4), static_cast<std::uint16_t>(page >> 32));
  }
  void point_overflow() {
    if (anatomy_.big_values.empty()) return put_16_bits();
    if (tossed()) return put_edge<std::uint32_t>(one_of(anatomy_.runs));
    const std::size_t value = one_of(anatomy_.big_values);
    store(at(value), some_page_number(value / kPage));
  }
  void put_table_field() {
    constexpr std::array<std::size_t, 8> kFields{0, 4, 6, 8, 16, 24, 32, 40};
    const std::size_t field = one_of(kFields);
    const std::size_t table = one_of(anatomy_.tables);
    if (field == 4 || field == 6) return put_edge<std::uint16_t>(table + field);
    if (field == 40 && tossed()) return store(at(table + field), some_page_number(0));
    put_edge<std::uint64_t>(table + field);
  }
  // The root, or all of the record, of another table or of the meta.
  void share_root() {
    const std::size_t to = one_of(anatomy_.tables);
    const std::size_t from = below(8) == 0 ? anatomy_.newest_meta + kFreeTree : one_of(anatomy_.tables);
    const std::size_t skipped = tossed() ? 40 : 0;
    std::copy_n(at(from + skipped), lmdb::kTreeSize - skipped, at(to + skipped));
  }
  void forge_free_list() {
    if (anatomy_.free_lists.empty()) return put_16_bits();
    const std::size_t list = one_of(anatomy_.free_lists);
    const auto count = load<std::uint64_t>(at(list));
    if (count == 0 || below(4) == 0) return put_edge<std::uint64_t>(list);
    const std::size_t number = list + 8 * (1 + below(std::min<std::uint64_t>(count, 400)));
    if (tossed()) return put_edge<std::uint64_t>(number);
    store(at(list), std::uint64_t{1});
    store(at(list + 8), some_page_number(list / kPage));
  }
  void forge_flags() {
    constexpr std::array<std::uint16_t, 12> kPageFlags{0x01, 0x02, 0x04, 0x08, 0x11,   0x12,
                                                       0x14, 0x22, 0x42, 0x62, 0x4002, 0x8002};
    constexpr std::array<std::uint16_t, 8> kNodeFlags{0, 1, 2, 3, 4, 5, 6, 0x10};
    if (tossed()) return store(at(used_page() + 10), one_of(kPageFlags));
    store(at(one_of(anatomy_.nodes) + 4), one_of(kNodeFlags));
  }
  // Two nodes exchange what they hold, where both are of the same size.
  void swap_values() {
    for (int attempt = 0; attempt < 50; ++attempt) {
      const std::size_t a = one_of(anatomy_.nodes);
      const std::size_t b = one_of(anatomy_.nodes);
      const lmdb::Node first{at(a)};
      const lmdb::Node second{at(b)};
      if (a == b || first.data_size() != second.data_size() || first.key_size() != second.key_size() ||
          first.flags() != second.flags())
        continue;
      const std::size_t size = first.has_big_data() ? 8 : first.data_size();
      if (size > kPage || tossed()) {
        std::swap_ranges(at(a) + lmdb::kNodeHeaderSize, at(a) + lmdb::kNodeHeaderSize + first.key_size(),
                         at(b) + lmdb::kNodeHeaderSize);
      } else {
        const std::size_t begin = lmdb::kNodeHeaderSize + first.key_size();
        std::swap_ranges(at(a) + begin, at(a) + begin + size, at(b) + begin);
      }
      return;
    }
  }
  void apply_several() {
    for (std::uint64_t i = 0, count = 2 + below(3); i < count; ++i) {
      const std::size_t kind = below(kKinds.size() - 1);
      if (kKinds[kind] != &Mutation::truncate) apply(kind);
    }
  }

  static const std::array<Kind, std::size(kMutationKinds)> kKinds;

  std::string bytes_;
  const Anatomy& anatomy_;
  std::mt19937_64& random_;
};

const std::array<Mutation::Kind, std::size(kMutationKinds)> Mutation::kKinds{
    &Mutation::flip_bit,         &Mutation::put_random_bytes,
    &Mutation::flip_header_bits, &Mutation::zero_page,
    &Mutation::put_garbage_page, &Mutation::swap_pages,
    &Mutation::copy_page,        &Mutation::truncate,
    &Mutation::put_meta_fields,  &Mutation::put_fields_of_both_metas,
    &Mutation::put_16_bits,      &Mutation::point_child,
    &Mutation::point_overflow,   &Mutation::put_table_field,
    &Mutation::share_root,       &Mutation::forge_free_list,
    &Mutation::forge_flags,      &Mutation::swap_values,
    &Mutation::apply_several,
};

}  // namespace

Anatomy::Anatomy(const std::string& bytes) {
  const auto transaction = [&](std::size_t meta) {
    return load<std::uint64_t>(bytes.data() + meta + kTransaction);
  };
  newest_meta = lmdb::kHeaderSize;
  older_meta = kPage + lmdb::kHeaderSize;
  if (transaction(older_meta) > transaction(newest_meta)) std::swap(newest_meta, older_meta);
  pages = {{0, PageKind::meta}, {1, PageKind::meta}};
  Walk walk(bytes, *this);
  walk.tree(newest_meta + kMainTree, Walk::Kind::main);
  walk.tree(newest_meta + kFreeTree, Walk::Kind::free);
}

std::string mutated(const std::string& bytes, const Anatomy& anatomy, std::size_t kind,
                    std::mt19937_64& random) {
  Mutation mutation(bytes, anatomy, random);
  mutation.apply(kind);
  return std::move(mutation).result();
}

std::string one_commit_earlier(const std::string& bytes, const Anatomy& anatomy) {
  std::string earlier = bytes;
  char* const number = earlier.data() + anatomy.newest_meta + kTransaction;
  store(number, load<std::uint64_t>(number) - 2);
  return earlier;
}

}  // namespace piecemark::testing
