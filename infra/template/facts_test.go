package template_test

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// A fact is one thing that a template says of a function or of the table:
// {"get", "action", "dynamodb:GetItem"}.
type fact struct{ of, kind, value string }

func (f fact) String() string { return f.of + ": " + f.kind + " " + f.value }

type facts map[fact]bool

func (fs facts) add(of, kind string, value any) { fs[fact{of, kind, text(value)}] = true }

const table = "the table"

// factsOfCode are those that the code knows. What it runs on is for the
// templates to say.
func factsOfCode() facts {
	fs := facts{}
	for _, f := range api.Functions() {
		fs.add(f.Name, "folder", "build/"+f.Name)
		for _, key := range f.RouteKeys {
			fs.add(f.Name, "route", key)
		}
		for _, action := range f.Actions {
			fs.add(f.Name, "action", action)
		}
		for _, variable := range []string{boot.EnvTable, boot.EnvEndpoint, boot.EnvRetention, boot.EnvLogLevel} {
			fs.add(f.Name, "variable", variable)
		}
	}
	for setting, value := range map[string]any{
		"StartingPosition":               eventsource.StartingPosition,
		"BatchSize":                      eventsource.BatchSize,
		"MaximumBatchingWindowInSeconds": eventsource.Window.Seconds(),
		"MaximumRecordAgeInSeconds":      eventsource.MaxAge.Seconds(),
		"MaximumRetryAttempts":           eventsource.Retries,
		"BisectBatchOnFunctionError":     eventsource.Bisect,
		"FunctionResponseTypes":          eventsource.Response,
		"FilterCriteria":                 eventsource.Filter(),
	} {
		fs.add(api.Purge, "event source", setting+" "+text(value))
	}
	fs.add(api.Purge, "event source", "of the table's stream")
	fs.add(table, "key", dynamo.PartitionKey+" S HASH")
	fs.add(table, "key", dynamo.SortKey+" N RANGE")
	fs.add(table, "TTL", dynamo.TTL)
	return fs
}

func factsOfSAM(d document) facts {
	fs := facts{}
	tables := d.resources("AWS::DynamoDB::Table")
	globals := at(d, "Globals", "Function")
	for id, f := range d.resources("AWS::Serverless::Function") {
		properties := map[string]any{}
		for _, from := range []any{globals, at(f, "Properties")} {
			fields, _ := from.(map[string]any)
			maps.Copy(properties, fields)
		}
		fs.addFunction(id, properties)
		fs.add(id, "folder", strings.TrimSuffix(text(properties["CodeUri"]), "/"))
		for _, a := range list(properties["Architectures"]) {
			fs.add(id, "architecture", d.defaultOf(a))
		}
		for _, from := range []any{at(globals, "Environment", "Variables"), at(f, "Properties", "Environment", "Variables")} {
			fs.addVariables(id, from)
		}
		for _, policy := range list(properties["Policies"]) {
			fs.addActions(id, policy, tables)
		}
		events, _ := properties["Events"].(map[string]any)
		for _, e := range events {
			if at(e, "Type") == "DynamoDB" {
				fs.addSource(id, at(e, "Properties"), at(e, "Properties", "Stream"), tables)
				continue
			}
			fs.add(id, "route", routeKey(e))
		}
	}
	fs.addTables(tables)
	return fs
}

// routeKey is that of an HttpApi event, which leads $default to its function
// when it has neither method nor path.
func routeKey(event any) string {
	properties := at(event, "Properties")
	switch {
	case at(event, "Type") != "HttpApi":
		return text(event)
	case properties == nil:
		return "$default"
	default:
		return text(at(properties, "Method")) + " " + text(at(properties, "Path"))
	}
}

// defaultOf is the default of the parameter that a value names, or the value.
func (d document) defaultOf(v any) any {
	if parameter := at(d, "Parameters", refers(v), "Default"); parameter != nil {
		return parameter
	}
	return v
}

// factsOfCDK reads what CDK synthesizes. A function is known by the folder
// that its asset was made from.
func factsOfCDK(d document) facts {
	fs := facts{}
	tables := d.resources("AWS::DynamoDB::Table")
	names := map[string]string{} // of functions and their aliases, by logical id
	for id, f := range d.resources("AWS::Lambda::Function") {
		folder := text(at(f, "Metadata", "aws:asset:path"))
		name, properties := path.Base(folder), at(f, "Properties")
		names[id] = name
		fs.addFunction(name, properties)
		fs.add(name, "folder", folder)
		for _, a := range list(at(properties, "Architectures")) {
			fs.add(name, "architecture", a)
		}
		fs.addVariables(name, at(properties, "Environment", "Variables"))
		for _, policy := range d.resources("AWS::IAM::Policy") {
			for _, role := range list(at(policy, "Properties", "Roles")) {
				if refers(role) == refers(at(properties, "Role")) {
					fs.addActions(name, at(policy, "Properties", "PolicyDocument"), tables)
				}
			}
		}
	}
	for id, alias := range d.resources("AWS::Lambda::Alias") {
		names[id] = names[refers(at(alias, "Properties", "FunctionName"))]
	}
	for _, source := range d.resources("AWS::Lambda::EventSourceMapping") {
		properties := at(source, "Properties")
		fs.addSource(names[refers(at(properties, "FunctionName"))], properties, at(properties, "EventSourceArn"), tables)
	}
	for _, route := range d.resources("AWS::ApiGatewayV2::Route") {
		fs.add(d.targetOf(route, names), "route", at(route, "Properties", "RouteKey"))
	}
	fs.addTables(tables)
	return fs
}

// targetOf is the function that a route leads to: its target is
// "integrations/" and the integration, joined.
func (d document) targetOf(route any, names map[string]string) string {
	integrations := d.resources("AWS::ApiGatewayV2::Integration")
	joined := list(at(route, "Properties", "Target", "Fn::Join"))
	if len(joined) != 2 {
		return text(route)
	}
	for _, part := range list(joined[1]) {
		if integration, ok := integrations[refers(part)]; ok {
			return names[refers(at(integration, "Properties", "IntegrationUri"))]
		}
	}
	return text(route)
}

func (fs facts) addFunction(name string, properties any) {
	for _, field := range []string{"Runtime", "Handler", "MemorySize", "Timeout"} {
		fs.add(name, strings.ToLower(field), at(properties, field))
	}
}

func (fs facts) addVariables(name string, variables any) {
	fields, _ := variables.(map[string]any)
	for variable := range fields {
		fs.add(name, "variable", variable)
	}
}

// addActions adds those on the table; what is allowed elsewhere, such as to
// write a log, is for the stack alone to say.
func (fs facts) addActions(name string, policy any, tables map[string]any) {
	for _, statement := range list(at(policy, "Statement")) {
		for _, action := range list(at(statement, "Action")) {
			if !strings.HasPrefix(text(action), "dynamodb:") && action != "*" || slices.Contains(readsStreams(), text(action)) {
				continue
			}
			for _, resource := range list(at(statement, "Resource")) {
				where := ""
				if tables[refers(resource)] == nil || at(statement, "Effect") != "Allow" {
					where = " of " + text(statement)
				}
				fs.add(name, "action", text(action)+where)
			}
		}
	}
}

// readsStreams are the actions that SAM adds by itself to the role of a
// function with a stream; infra/stack says what they are on.
func readsStreams() []string {
	return []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
}

// addSource adds the settings of an event source, which CloudFormation and
// SAM name alike, but for the stream.
func (fs facts) addSource(name string, properties, stream any, tables map[string]any) {
	if tables[refers(stream)] != nil && strings.HasSuffix(text(at(stream, "Fn::GetAtt")), " StreamArn]") {
		stream = "the table's stream"
	}
	fs.add(name, "event source", "of "+text(stream))
	settings, _ := properties.(map[string]any)
	for setting, value := range settings {
		switch setting {
		case "Stream", "EventSourceArn", "FunctionName":
		case "FilterCriteria":
			for _, filter := range list(at(value, "Filters")) {
				fs.add(name, "event source", setting+" "+text(at(filter, "Pattern")))
			}
		case "FunctionResponseTypes":
			for _, kind := range list(value) {
				fs.add(name, "event source", setting+" "+text(kind))
			}
		case "DestinationConfig":
			fs.add(name, "queue", "of what failed")
		default:
			fs.add(name, "event source", setting+" "+text(value))
		}
	}
}

func (fs facts) addTables(tables map[string]any) {
	for _, t := range tables {
		properties := at(t, "Properties")
		types := map[string]string{}
		for _, a := range list(at(properties, "AttributeDefinitions")) {
			types[text(at(a, "AttributeName"))] = text(at(a, "AttributeType"))
		}
		for _, k := range list(at(properties, "KeySchema")) {
			name := text(at(k, "AttributeName"))
			fs.add(table, "key", name+" "+types[name]+" "+text(at(k, "KeyType")))
		}
		if ttl := at(properties, "TimeToLiveSpecification"); at(ttl, "Enabled") == "true" {
			fs.add(table, "TTL", at(ttl, "AttributeName"))
		}
		fs.add(table, "billing", at(properties, "BillingMode"))
		fs.add(table, "stream", at(properties, "StreamSpecification", "StreamViewType"))
		for _, kind := range []string{"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} {
			for _, index := range list(at(properties, kind)) {
				fs.add(table, kind, index)
			}
		}
	}
}
