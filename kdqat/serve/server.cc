#include "kdqat/serve/server.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "kdqat/format/model_card.h"
#include "kdqat/runtime/answer_json.h"
#include "kdqat/serve/http_error.h"
#include "kdqat/serve/http_server.h"
#include "kdqat/serve/metrics.h"
#include "kdqat/serve/page.h"
#include "kdqat/serve/request.h"

namespace kdqat::serve {
namespace {

using base::concat;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

/// A model that is served.
struct Model {
  Model(const NamedModel& source, const runtime::EngineOptions& engine_options, const BatcherOptions& options,
        Metrics& metrics)
      : name(source.name), engine(source.path, engine_options), batcher(engine, options, metrics) {}

  std::string name;
  runtime::Engine engine;
  Batcher batcher;
};

json describe(const Model& model) {
  const runtime::Engine& engine = model.engine;
  const json card = format::to_json(format::read_model_card(engine.config()));
  json result = {{"name", model.name},
                 {"labels", engine.labels()},
                 {"regression", engine.is_regression()},
                 {"embedding_size", engine.embedding_size()},
                 {"max_seq_length", engine.max_seq_length()},
                 {"vocab_size", engine.vocab_size()},
                 {"instruction_set", simd::name_of(engine.instruction_set())},
                 {"threads", engine.threads()}};
  for (const char* field : {"task", "quantization", "scores"}) {
    if (const auto found = card.find(field); found != card.end()) result[field] = *found;
  }
  return result;
}

json classifications_json(const Model& model, const std::vector<runtime::Classification>& answers) {
  json results = json::array();
  for (const runtime::Classification& answer : answers) {
    results.push_back(
        runtime::answer_json(model.engine.labels(), static_cast<std::size_t>(answer.label), answer.scores));
  }
  return results;
}

json embeddings_json(const Model& model, const std::vector<float>& values) {
  const auto width = static_cast<std::size_t>(model.engine.embedding_size());
  json rows = json::array();
  for (std::size_t first = 0; first < values.size(); first += width) {
    rows.push_back(std::span(values).subspan(first, width));
  }
  return rows;
}

}  // namespace

struct Server::State {
  State(const std::vector<NamedModel>& named, const runtime::EngineOptions& engine,
        const ServerOptions& given)
      : options(given),
        http({.connections = given.connections,
              .max_body_bytes = given.max_body_bytes,
              .timeouts = {.request = given.request_timeout}}) {
    if (named.empty()) throw base::InvalidArgument("models: expected at least one, found none");
    for (const NamedModel& source : named) {
      for (const auto& model : models) {
        if (model->name == source.name) {
          throw base::InvalidArgument(
              concat("models: expected names that differ, found two of ", source.name));
        }
      }
      models.push_back(std::make_unique<Model>(source, engine, options.batcher, metrics));
    }
    add_paths();
    port = http.bind(options.host, options.port);
  }

  void add_paths() {
    http.observe([this](const std::string& path, int status, double seconds) {
      metrics.count_request(path, status, seconds);
    });
    http.post("/v1/classify", [this](std::string_view body) { return answer(Question::kClassify, body); });
    http.post("/v1/embed", [this](std::string_view body) { return answer(Question::kEmbed, body); });
    http.get("/v1/models", "application/json", [this](std::string_view) {
      json list = json::array();
      for (const auto& model : models) list.push_back(describe(*model));
      return json{{"models", list}}.dump() + '\n';
    });
    http.get("/healthz", "application/json",
             [](std::string_view) { return std::string("{\"status\":\"ok\"}\n"); });
    http.get("/metrics", "text/plain; version=0.0.4", [this](std::string_view) { return metrics.text(); });
    http.get("/", "text/html; charset=utf-8", [](std::string_view) { return std::string(kPage); });
  }

  Model& model_of(const std::string& name) const {
    if (name.empty()) return *models[0];
    std::string names;
    for (const auto& model : models) {
      if (model->name == name) return *model;
      names += (names.empty() ? "" : ", ") + model->name;
    }
    throw HttpError(404, concat("\"model\": expected one of ", names, "; found ", name));
  }

  std::vector<text::Encoding> encode(const Model& model, const TextRequest& request) const {
    std::vector<text::Encoding> sentences;
    std::int64_t tokens = 0;
    for (const TextRequest::Text& text : request.texts) {
      try {
        sentences.push_back(model.engine.encode({.text = text.text, .pair = text.pair}));
      } catch (const base::InvalidArgument& error) {
        throw HttpError(400, error.what());
      }
      tokens += static_cast<std::int64_t>(sentences.back().input_ids.size());
      if (tokens > options.max_tokens) {
        throw HttpError(413, concat("texts: expected at most ", options.max_tokens, " tokens together"));
      }
    }
    return sentences;
  }

  std::string answer(Question question, std::string_view body) {
    const Clock::time_point started = Clock::now();
    const TextRequest request = parse_text_request(body, options.max_texts);
    Model& model = model_of(request.model);
    std::future<Answer> future;
    try {
      future = model.batcher.submit(question, encode(model, request));
    } catch (const QueueFull& error) {
      throw HttpError(503, error.what());
    }
    const Answer found = future.get();
    json result = {{"model", model.name}};
    if (question == Question::kClassify) {
      result["results"] = classifications_json(model, std::get<0>(found));
    } else {
      result["embeddings"] = embeddings_json(model, std::get<1>(found));
    }
    result["seconds"] = std::chrono::duration<double>(Clock::now() - started).count();
    return result.dump() + '\n';
  }

  const ServerOptions options;
  Metrics metrics;
  std::vector<std::unique_ptr<Model>> models;
  HttpServer http;
  int port = 0;
};

Server::Server(const std::vector<NamedModel>& models, const runtime::EngineOptions& engine,
               const ServerOptions& options)
    : state_(std::make_unique<State>(models, engine, options)) {}
Server::~Server() = default;

int Server::port() const { return state_->port; }
void Server::run() { state_->http.serve(); }
void Server::stop() { state_->http.stop_serving(); }

}  // namespace kdqat::serve
