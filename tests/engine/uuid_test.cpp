#include "piecemark/uuid.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace piecemark {
namespace {

constexpr std::string_view kText = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

TEST(Uuid, ReadsWhatPostgresqlReads) {
  for (const char* text : {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                           "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                           "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc99-9c0b4ef8-bb6d6bb9bd380a11"}) {
    const auto id = Uuid::parse(text);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(id->to_string(), kText);
  }
}

TEST(Uuid, RefusesWhatPostgresqlRefuses) {
  for (const char* text : {"", "a0eebc999c0b4ef8bb6d6bb9bd380a1", " a0eebc999c0b4ef8bb6d6bb9bd380a11",
                           "a0eebc999c0b4ef8bb6d6bb9bd380a11 ", "a0-eebc999c0b4ef8bb6d6bb9bd380a11",
                           "{a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11}",
                           "urn:uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                           "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-"}) {
    EXPECT_FALSE(Uuid::parse(text)) << text;
  }
}

// Braces send a text the long way, and change nothing.
TEST(Uuid, BothWaysOfReadingAgree) {
  std::mt19937 random(2);
  for (int i = 0; i < 200'000; ++i) {
    std::string text(kText);
    for (std::size_t n = random() % 3; n > 0; --n)
      text[random() % text.size()] = "09afAF-gG/:@`"[random() % 13];
    ASSERT_EQ(Uuid::parse(text), Uuid::parse("{" + text + "}")) << text;
  }
}

TEST(Uuid, TextReadsBack) {
  std::mt19937 random(3);
  for (int i = 0; i < 10'000; ++i) {
    Uuid id;
    for (std::uint8_t& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
    ASSERT_EQ(Uuid::parse(id.to_string()), id);
  }
}

TEST(Uuid, GeneratedOnesAreVersion7AndAscend) {
  Uuid last;
  for (int i = 0; i < 100'000; ++i) {
    const Uuid id = Uuid::generate();
    ASSERT_LT(last, id);
    ASSERT_EQ(id.bytes[6] >> 4, 7);
    ASSERT_EQ(id.bytes[8] >> 6, 2);
    last = id;
  }
}

TEST(Uuid, ThreadsNeverGenerateTheSame) {
  std::vector<std::vector<Uuid>> made(4);
  std::vector<std::thread> threads;
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < 10'000; ++i) ids.push_back(Uuid::generate());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<Uuid> all;
  for (const auto& ids : made) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), 40'000U);
}

}  // namespace
}  // namespace piecemark
