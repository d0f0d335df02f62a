package template_test

// changes returns changes that a developer might make in one place and forget
// in the others.
func changes() map[string]change {
	return map[string]change{
		"template.yaml/route": {`/api/token/{id}`, `/api/token/{key}`, []string{
			"get: route GET /api/token/{id}: in the code, not in template.yaml",
			"get: route GET /api/token/{id}: in CDK, not in template.yaml",
			"get: route GET /api/token/{key}: in template.yaml, not in the code",
			"get: route GET /api/token/{key}: in template.yaml, not in CDK",
		}},
		"template.yaml/default_route": {`Rest: {Type: HttpApi}`, `Rest: {Type: HttpApi, Properties: {Method: GET, Path: /}}`, []string{
			"fallback: route $default: in CDK, not in template.yaml",
			"fallback: route GET /: in template.yaml, not in the code",
		}},
		"template.yaml/route_of_a_key": {`POST, Path: /api/token/settle}`, `PUT, Path: /api/token/settle}`, []string{
			"settle: route POST /api/token/settle: in the code, not in template.yaml",
			"settle: route POST /api/token/settle: in CDK, not in template.yaml",
			"settle: route PUT /api/token/settle: in template.yaml, not in the code",
			"settle: route PUT /api/token/settle: in template.yaml, not in CDK",
		}},
		"template.yaml/authorizer_with_a_route": {"CodeUri: build/authorize/\n", "CodeUri: build/authorize/\n      Events: {Any: {Type: HttpApi}}\n", []string{
			"authorize: route $default: in template.yaml, not in the code",
			"authorize: route $default: in template.yaml, not in CDK",
		}},
		"template.yaml/authorizer_without_permissions": {
			"CodeUri: build/authorize/\n      Policies:\n        - Statement:\n            - Effect: Allow", "CodeUri: build/authorize/\n      Policies:\n        - Statement:\n            - Effect: Deny", []string{
				"authorize: action dynamodb:GetItem: in the code, not in template.yaml",
				"authorize: action dynamodb:GetItem: in CDK, not in template.yaml",
			},
		},
		"template.yaml/missing_action": {"                - dynamodb:Query\n", "", []string{
			"list: action dynamodb:Query: in the code, not in template.yaml",
			"list: action dynamodb:Query: in CDK, not in template.yaml",
		}},
		"template.yaml/additional_action": {"- dynamodb:GetItem\n", "- dynamodb:GetItem\n                - dynamodb:Scan\n", []string{
			"list: action dynamodb:Scan: in template.yaml, not in the code",
			"list: action dynamodb:Scan: in template.yaml, not in CDK",
		}},
		"template.yaml/variable": {"LOG_LEVEL:", "LOGLEVEL:", []string{
			"get: variable LOG_LEVEL: in CDK, not in template.yaml",
			"get: variable LOGLEVEL: in template.yaml, not in the code",
		}},
		"template.yaml/intended_variable": {"DYNAMODB_ENDPOINT:", "ENDPOINT:", []string{
			"get: variable DYNAMODB_ENDPOINT: in the code, not in template.yaml",
			"intended, because a container needs the endpoint of the local engine, but not found: variable DYNAMODB_ENDPOINT: in template.yaml, not in CDK",
		}},
		"template.yaml/batch": {"BatchSize: 100", "BatchSize: 10", []string{
			"purge: event source BatchSize 100: in the code, not in template.yaml",
			"purge: event source BatchSize 10: in template.yaml, not in CDK",
		}},
		"template.yaml/stream": {"Table.StreamArn", "Table.Arn", []string{
			"purge: event source of the table's stream: in the code, not in template.yaml",
		}},
		"template.yaml/filter": {`["REMOVE"]`, `["MODIFY"]`, []string{
			`"eventName":["REMOVE"],"userIdentity":{"principalId":["dynamodb.amazonaws.com"],"type":["Service"]}}: in the code, not in template.yaml`,
			`"eventName":["MODIFY"],"userIdentity":{"principalId":["dynamodb.amazonaws.com"],"type":["Service"]}}: in template.yaml, not in CDK`,
		}},
		"template.yaml/timeout": {"Timeout: 60", "Timeout: 8", []string{"purge: timeout 60: in CDK, not in template.yaml"}},
		"template.yaml/folder": {"build/get/", "build/list/", []string{
			"get: folder build/get: in the code, not in template.yaml",
			"get: folder build/list: in template.yaml, not in CDK",
		}},
		"template.yaml/runtime":      {"provided.al2023", "provided.al2", []string{"get: runtime provided.al2: in template.yaml, not in CDK"}},
		"template.yaml/architecture": {"Default: arm64", "Default: x86_64", []string{"get: architecture x86_64: in template.yaml, not in CDK"}},
		"template.yaml/memory":       {"MemorySize: 512", "MemorySize: 128", []string{"get: memorysize 128: in template.yaml, not in CDK"}},
		"template.yaml/key":          {"AttributeType: N", "AttributeType: S", []string{"the table: key sk N RANGE: in the code, not in template.yaml"}},
		"template.yaml/TTL":          {"AttributeName: ttl", "AttributeName: TTL", []string{"the table: TTL TTL: in template.yaml, not in the code"}},
		"template.yaml/function": {"  delete:\n", "  remove:\n", []string{
			"delete: folder build/delete: in the code, not in template.yaml",
			"remove: handler bootstrap: in template.yaml, not in CDK",
		}},

		"CDK/route": {`"RouteKey": "GET /api/token/{id}"`, `"RouteKey": "GET /api/token/{key}"`, []string{
			"get: route GET /api/token/{id}: in the code, not in CDK",
			"get: route GET /api/token/{id}: in template.yaml, not in CDK",
			"get: route GET /api/token/{key}: in CDK, not in the code",
			"get: route GET /api/token/{key}: in CDK, not in template.yaml",
		}},
		"CDK/route_of_a_key": {`"RouteKey": "POST /api/token/reserve"`, `"RouteKey": "POST /api/token/hold"`, []string{
			"reserve: route POST /api/token/reserve: in the code, not in CDK",
			"reserve: route POST /api/token/reserve: in template.yaml, not in CDK",
			"reserve: route POST /api/token/hold: in CDK, not in the code",
			"reserve: route POST /api/token/hold: in CDK, not in template.yaml",
		}},
		// Audit is the first function with a statement for queries alone.
		"CDK/permissions_of_audit": {`"Action": "dynamodb:Query"`, `"Action": "dynamodb:UpdateItem"`, []string{
			"audit: action dynamodb:Query: in the code, not in CDK",
			"audit: action dynamodb:UpdateItem: in CDK, not in the code",
			"audit: action dynamodb:UpdateItem: in CDK, not in template.yaml",
		}},
		"CDK/action": {`"dynamodb:PutItem"`, `"dynamodb:*"`, []string{
			"action dynamodb:PutItem: in the code, not in CDK",
			"action dynamodb:*: in CDK, not in template.yaml",
		}},
		"CDK/variable": {`"LOG_LEVEL":`, `"LEVEL":`, []string{
			"variable LOG_LEVEL: in the code, not in CDK",
			"variable LEVEL: in CDK, not in template.yaml",
		}},
		"CDK/age": {`"MaximumRecordAgeInSeconds": 82800`, `"MaximumRecordAgeInSeconds": 86400`, []string{
			"purge: event source MaximumRecordAgeInSeconds 82800: in the code, not in CDK",
			"purge: event source MaximumRecordAgeInSeconds 86400: in CDK, not in template.yaml",
		}},
		"CDK/partial_answers": {`"ReportBatchItemFailures"`, `""`, []string{
			"deliver: event source FunctionResponseTypes ReportBatchItemFailures: in the code, not in CDK",
		}},
		"CDK/queue": {`"DestinationConfig"`, `"Destination"`, []string{
			"intended, because sam local has no queue, but not found: queue of what failed: in CDK, not in template.yaml",
		}},
		"CDK/folder":       {`"build/get"`, `"build/got"`, []string{"got: folder build/got: in CDK, not in the code"}},
		"CDK/runtime":      {`"provided.al2023"`, `"provided.al2"`, []string{"runtime provided.al2: in CDK, not in template.yaml"}},
		"CDK/architecture": {`"arm64"`, `"x86_64"`, []string{"architecture x86_64: in CDK, not in template.yaml"}},
		"CDK/key":          {`"AttributeType": "N"`, `"AttributeType": "S"`, []string{"the table: key sk N RANGE: in the code, not in CDK"}},
		"CDK/TTL":          {`"AttributeName": "ttl"`, `"AttributeName": "expires"`, []string{"the table: TTL expires: in CDK, not in the code"}},
		"CDK/stream":       {`"NEW_AND_OLD_IMAGES"`, `"NEW_IMAGE"`, []string{"the table: stream NEW_IMAGE: in CDK, not in template.yaml"}},
	}
}
