import Yams

extension HerdFile {
    /// Reads the text of a herd file.
    ///
    /// - Parameter path: names the file in errors.
    package init(yaml: String, path: String) throws(DatasetError) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw DatasetError(.invalid, path: path, message: "is not valid YAML: \(error)")
        }
        do {
            self = try HerdFile(root: root)
        } catch {
            let place = error.line.map { "line \($0): " } ?? ""
            throw DatasetError(.invalid, path: path, message: place + error.reason)
        }
    }

    private init(root: Node?) throws(YAMLFailure) {
        guard let root else { throw YAMLFailure("is empty; it must have the key \"models\"") }
        var models: [ModelFacts] = []
        var seen = Set<String>()
        for (key, value) in try YAMLValue(root, "the file").mapping() {
            guard key == "models" else {
                throw YAMLFailure("unknown key \"\(key)\"; the file has one key, \"models\"", at: value.node)
            }
            for item in try value.sequence() {
                let model = try ModelFacts(yaml: item)
                guard seen.insert(model.name).inserted else {
                    throw YAMLFailure("the model \"\(model.name)\" appears twice", at: item.node)
                }
                models.append(model)
            }
        }
        guard !models.isEmpty else { throw YAMLFailure("names no model; \"models\" must be a list of at least one") }
        self.init(models: models)
    }
}

extension ModelFacts {
    fileprivate init(yaml: YAMLValue) throws(YAMLFailure) {
        self.init(name: "")
        for (key, value) in try yaml.mapping() {
            switch key {
            case "name": name = try value.text() ?? ""
            case "parameters_b": parametersB = try value.number(above: 0)
            case "active_b": activeB = try value.number(above: 0)
            case "licence": licence = try value.text()
            case "context": context = try value.integer()
            case "price_in": priceIn = try value.number()
            case "price_out": priceOut = try value.number()
            case "price_cached": priceCached = try value.number()
            case "free": free = try value.flag()
            case "released": released = try value.date()
            case "memory_gb": memoryGB = try value.number(above: 0)
            case "capabilities": capabilities = try value.texts()
            case "endpoints":
                for item in try value.sequence() { endpoints.append(try Endpoint(yaml: item)) }
            case "first_token_seconds": firstTokenSeconds = try value.number()
            case "tokens_per_second": tokensPerSecond = try value.number(above: 0)
            case "output_tokens": outputTokens = try value.number()
            case "local": local = try value.flag()
            default:
                throw YAMLFailure(
                    """
                    unknown key "\(key)"; a model has name, parameters_b, active_b, licence, context, price_in, \
                    price_out, price_cached, free, released, memory_gb, capabilities, endpoints, \
                    first_token_seconds, tokens_per_second, output_tokens and local
                    """, at: value.node)
            }
        }
        guard !name.isEmpty else { throw YAMLFailure("a model without a name", at: yaml.node) }
        guard name.utf8.count <= EvaluationLineParser.maximumNameBytes else {
            throw YAMLFailure("a name of over \(EvaluationLineParser.maximumNameBytes) bytes", at: yaml.node)
        }
        if let activeB, let parametersB, activeB > parametersB {
            throw YAMLFailure("active_b of \"\(name)\" is over its parameters_b", at: yaml.node)
        }
    }
}

extension ModelFacts.Endpoint {
    fileprivate init(yaml: YAMLValue) throws(YAMLFailure) {
        self.init(baseURL: "")
        for (key, value) in try yaml.mapping() {
            switch key {
            case "base_url": baseURL = try value.text() ?? ""
            case "model": model = try value.text()
            case "max_concurrency": maxConcurrency = try value.integer()
            case "api_key_env": apiKeyEnv = try value.text()
            case "api_key_file": apiKeyFile = try value.text()
            case "connect_timeout": connectTimeout = try value.number()
            case "first_token_timeout": firstTokenTimeout = try value.number()
            case "token_timeout": tokenTimeout = try value.number()
            case "ca_file": caFile = try value.text()
            default:
                throw YAMLFailure(
                    """
                    unknown key "\(key)"; an endpoint has base_url, model, max_concurrency, api_key_env, api_key_file, \
                    connect_timeout, first_token_timeout, token_timeout and ca_file
                    """, at: value.node)
            }
        }
        guard !baseURL.isEmpty else { throw YAMLFailure("an endpoint without a base_url", at: yaml.node) }
    }
}
