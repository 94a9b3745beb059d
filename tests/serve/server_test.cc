#include "kdqat/serve/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "kdqat/serve/http_error.h"
#include "tests/serve/sample_model.h"

namespace kdqat::serve {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// A server that runs in a thread of its own.
class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {}) : server_(models(), {}, with_any_port(options)) {
    thread_ = std::thread([this] { server_.run(); });
  }
  ~RunningServer() { stop(); }

  void stop() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  httplib::Client client() const { return httplib::Client("127.0.0.1", server_.port()); }
  int port() const { return server_.port(); }
  const std::filesystem::path& model_path() const { return model_.path(); }

 private:
  std::vector<NamedModel> models() const {
    return {{.name = "first", .path = model_.path()}, {.name = "second", .path = model_.path()}};
  }
  static ServerOptions with_any_port(ServerOptions options) {
    options.port = 0;
    return options;
  }

  SampleModel model_;
  Server server_;
  std::thread thread_;
};

httplib::Result post(const RunningServer& server, const std::string& path, const std::string& body) {
  return server.client().Post(path, body, "application/json");
}

void expect_error(const httplib::Result& result, int status, const std::string& part) {
  ASSERT_TRUE(result) << httplib::to_string(result.error());
  EXPECT_EQ(result->status, status);
  const json body = json::parse(result->body);
  EXPECT_EQ(body["error"]["status"], status);
  EXPECT_THAT(body["error"]["message"].get<std::string>(), HasSubstr(part));
}

/// What the server sends to these bytes until it closes the connection; nothing more is sent to it.
std::string raw(int port, const std::string& bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::recv(socket, buffer, sizeof(buffer), 0)) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(socket);
  return answer;
}

TEST(Server, ClassifiesAsTheEngineDoes) {
  const RunningServer server;
  const runtime::Engine engine(server.model_path());
  const auto result =
      post(server, "/v1/classify", R"({"texts": ["a fine film", {"text": "bad", "pair": "the film"}]})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  const json body = json::parse(result->body);
  EXPECT_EQ(body["model"], "first");
  const std::vector<runtime::Text> texts = {{.text = "a fine film"}, {.text = "bad", .pair = "the film"}};
  const auto expected = engine.classify(texts);
  ASSERT_EQ(body["results"].size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto label = static_cast<std::size_t>(expected[i].label);
    EXPECT_EQ(body["results"][i]["label"], engine.labels()[label]);
    EXPECT_EQ(body["results"][i]["scores"][engine.labels()[label]], expected[i].scores[label]);
  }
}

TEST(Server, EmbedsAsTheEngineDoes) {
  const RunningServer server;
  const runtime::Engine engine(server.model_path());
  const auto result = post(server, "/v1/embed", R"({"text": "a fine film", "model": "second"})");
  ASSERT_TRUE(result);
  const json body = json::parse(result->body);
  EXPECT_EQ(body["model"], "second");
  EXPECT_EQ(body["embeddings"][0].get<std::vector<float>>(),
            engine.embed(std::vector<runtime::Text>{{.text = "a fine film"}}));
}

TEST(Server, TellsWhatItServes) {
  const RunningServer server;
  const auto models = server.client().Get("/v1/models");
  ASSERT_TRUE(models);
  const json list = json::parse(models->body)["models"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1]["name"], "second");
  EXPECT_EQ(list[0]["labels"].size(), 3U);
  EXPECT_EQ(json::parse(server.client().Get("/healthz")->body)["status"], "ok");
  EXPECT_THAT(server.client().Get("/")->body, HasSubstr("<title>kdqat"));
  post(server, "/v1/classify", R"({"text": "a"})");
  EXPECT_THAT(server.client().Get("/metrics")->body,
              HasSubstr("kdqat_requests_total{path=\"/v1/classify\",status=\"200\"} 1"));
}

TEST(Server, RefusalsHaveAStatusAndAMessage) {
  const RunningServer server({.max_body_bytes = 1000, .max_texts = 3, .max_tokens = 20});
  expect_error(post(server, "/v1/classify", "{"), 400, "expected JSON");
  expect_error(post(server, "/v1/embed", R"({"text": 1})"), 400, "found number");
  expect_error(post(server, "/v1/classify", R"({"text": "a", "model": "third"})"), 404, "first, second");
  expect_error(post(server, "/v2/classify", "{}"), 404, "no such path");
  expect_error(server.client().Get("/v1/classify"), 405, "expected POST");
  expect_error(post(server, "/healthz", "{}"), 405, "expected GET");
  expect_error(post(server, "/v1/classify", R"({"texts": ["a", "a", "a", "a"]})"), 413, "at most 3");
  const std::string text = "a a a a a a a a";
  expect_error(post(server, "/v1/classify", json{{"texts", {text, text, text}}}.dump()), 413, "20 tokens");
  expect_error(post(server, "/v1/classify", std::string(1001, ' ')), 413, "at most 1000 bytes");
  const httplib::MultipartFormDataItems items = {{"text", "a", "", "text/plain"}};
  expect_error(server.client().Post("/v1/classify", items), 415, "expected JSON");
}

TEST(Server, ABodyWithoutALengthHasTheSameLimit) {
  const RunningServer server({.max_body_bytes = 1000});
  const std::string head =
      "POST /v1/classify HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = R"({"text": "a"})";
  EXPECT_THAT(raw(server.port(), head + "d\r\n" + body + "\r\n0\r\n\r\n"), HasSubstr("200 OK"));
  std::string many = head;
  for (int i = 0; i < 100; ++i) many += "64\r\n" + std::string(100, ' ') + "\r\n";
  EXPECT_THAT(raw(server.port(), many + "0\r\n\r\n"), HasSubstr("413"));
}

TEST(Server, BytesThatAreNoRequestAre400AndTheEnd) {
  const RunningServer server;
  const std::string answer = raw(server.port(), "nothing of HTTP\r\n\r\nnothing\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 400"));
  EXPECT_EQ(answer.find("HTTP/1.1 400"), answer.rfind("HTTP/1.1 400"));
}

TEST(Server, AClientThatIsTooSlowIsToldSo) {
  const RunningServer server({.request_timeout = std::chrono::milliseconds(200)});
  EXPECT_THAT(raw(server.port(), "POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"),
              HasSubstr("HTTP/1.1 408"));
  // Before the headers are whole, the connection ends, with 408 or without a word.
  EXPECT_THAT(raw(server.port(), "POST /v1/classify HTTP/1.1\r\nHost: a"), testing::Not(HasSubstr("200")));
}

TEST(Server, MoreThanTheQueueHoldsIs503WithATimeToRetry) {
  const RunningServer server({.max_tokens = 1 << 20, .batcher = {.batch_tokens = 1, .queue_tokens = 1}});
  json texts = json::array();
  for (int i = 0; i < 256; ++i) texts.push_back("a fine film");
  const std::string body = json{{"texts", texts}}.dump();
  std::atomic<int> refused = 0;
  std::atomic<int> others = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      httplib::Client client = server.client();
      client.set_keep_alive(true);
      // Sixteen at a time, of which two have a place: it takes few rounds until one is refused.
      for (int round = 0; round < 1000 && refused == 0; ++round) {
        const auto result = client.Post("/v1/classify", body, "application/json");
        if (result && result->status == 503 && result->get_header_value("Retry-After") == "1") {
          ++refused;
        } else if (!result || result->status != 200) {
          ++others;
          ADD_FAILURE() << (result ? std::to_string(result->status) : httplib::to_string(result.error()));
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GT(refused, 0);
  EXPECT_EQ(others, 0);
}

TEST(Server, TheEndAnswersWhatHasArrived) {
  RunningServer server;
  json texts = json::array();
  for (int i = 0; i < 256; ++i) texts.push_back("a fine film");
  const std::string body = json{{"texts", texts}}.dump();
  std::atomic<bool> connected = false;
  httplib::Result result{nullptr, httplib::Error::Unknown};
  std::thread client([&] {
    httplib::Client own = server.client();
    own.set_keep_alive(true);
    own.Get("/healthz");
    connected = true;
    // The server ends somewhere within this request: it is answered as a whole, or the connection is refused.
    result = own.Post("/v1/classify", body, "application/json");
  });
  while (!connected) std::this_thread::yield();
  server.stop();
  client.join();
  if (result) {
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(json::parse(result->body)["results"].size(), 256U);
  }
  EXPECT_FALSE(httplib::Client("127.0.0.1", server.port()).Get("/healthz"));
}

TEST(Server, StopsBeforeItHasStarted) {
  const SampleModel model;
  Server server({{.name = "a", .path = model.path()}}, {}, {.port = 0});
  server.stop();
  server.run();
}

TEST(Server, WhatCannotBeServedIsRefused) {
  const SampleModel model;
  const NamedModel named{.name = "a", .path = model.path()};
  EXPECT_THROW(Server({}, {}, {.port = 0}), base::InvalidArgument);
  EXPECT_THROW(Server({named, named}, {}, {.port = 0}), base::InvalidArgument);
  const Server server({named}, {}, {.port = 0});
  EXPECT_THROW(Server({named}, {}, {.port = server.port()}), base::IoError);
}

}  // namespace
}  // namespace kdqat::serve
