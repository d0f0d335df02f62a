package template_test

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// A declaration is one thing that a template or the code declares about a
// function or the table: {"get", "action", "dynamodb:GetItem"}.
type declaration struct{ of, kind, value string }

func (f declaration) String() string { return f.of + ": " + f.kind + " " + f.value }

type declarations map[declaration]bool

func (ds declarations) add(of, kind string, value any) { ds[declaration{of, kind, text(value)}] = true }

const table = "the table"

// declarationsOfCode returns what the code declares. It does not declare runtime
// and memory; only the templates do.
func declarationsOfCode() declarations {
	ds := declarations{}
	for _, f := range api.Functions() {
		ds.add(f.Name, "folder", "build/"+f.Name)
		for _, key := range f.RouteKeys {
			ds.add(f.Name, "route", key)
		}
		for _, s := range rights.Of(f, false) {
			for _, action := range s.Actions {
				ds.add(f.Name, "action", action)
			}
		}
		for _, variable := range []string{boot.EnvTable, boot.EnvEndpoint, boot.EnvRetention, boot.EnvLogLevel, boot.EnvForeign, boot.EnvNoUses, boot.EnvMetrics, boot.EnvBasePath} {
			ds.add(f.Name, "variable", variable)
		}
		if f.Name == api.History {
			for _, variable := range []string{boot.EnvEventBus, boot.EnvScheduleGroup, boot.EnvScheduleRole} {
				ds.add(f.Name, "variable", variable)
			}
		}
		if f.Name == api.History || f.Name == api.Deliver {
			ds.add(f.Name, "variable", boot.EnvWebhookQueue)
		}
	}
	for _, source := range eventsource.Sources() {
		for setting, value := range map[string]any{
			"StartingPosition":               eventsource.StartingPosition,
			"BatchSize":                      source.BatchSize,
			"MaximumBatchingWindowInSeconds": source.Window.Seconds(),
			"MaximumRecordAgeInSeconds":      source.MaxAgeSeconds,
			"MaximumRetryAttempts":           source.Retries,
			"BisectBatchOnFunctionError":     eventsource.Bisect,
			"FunctionResponseTypes":          eventsource.Response,
		} {
			ds.add(source.Function, "event source", setting+" "+text(value))
		}
		for _, filter := range source.Filters() {
			ds.add(source.Function, "event source", "FilterCriteria "+filter)
		}
		ds.add(source.Function, "event source", "of the table's stream")
	}
	for setting, value := range map[string]any{
		"BatchSize":             eventsource.WebhooksBatchSize,
		"FunctionResponseTypes": eventsource.Response,
		"ScalingConfig":         map[string]any{"MaximumConcurrency": eventsource.WebhooksConcurrency},
	} {
		ds.add(api.Deliver, "event source", setting+" "+text(value))
	}
	ds.add(api.Deliver, "event source", "of the queue of webhooks")
	ds.add(table, "key", dynamo.PartitionKey+" S HASH")
	ds.add(table, "key", dynamo.SortKey+" N RANGE")
	ds.add(table, "TTL", dynamo.TTL)
	return ds
}

func declarationsOfSAM(d document) declarations {
	ds := declarations{}
	tables := d.resources("AWS::DynamoDB::Table")
	globals := at(d, "Globals", "Function")
	for id, f := range d.resources("AWS::Serverless::Function") {
		properties := map[string]any{}
		for _, from := range []any{globals, at(f, "Properties")} {
			fields, _ := from.(map[string]any)
			maps.Copy(properties, fields)
		}
		ds.addFunction(id, properties)
		ds.add(id, "folder", strings.TrimSuffix(text(properties["CodeUri"]), "/"))
		for _, a := range list(properties["Architectures"]) {
			ds.add(id, "architecture", d.defaultOf(a))
		}
		for _, from := range []any{at(globals, "Environment", "Variables"), at(f, "Properties", "Environment", "Variables")} {
			ds.addVariables(id, from)
		}
		for _, policy := range list(properties["Policies"]) {
			ds.addActions(id, policy, tables)
		}
		events, _ := properties["Events"].(map[string]any)
		for _, e := range events {
			switch at(e, "Type") {
			case "DynamoDB":
				ds.addSource(id, at(e, "Properties"), at(e, "Properties", "Stream"), tables)
			case "SQS":
				ds.addSource(id, at(e, "Properties"), at(e, "Properties", "Queue"), tables)
			default:
				ds.add(id, "route", routeKey(e))
			}
		}
	}
	ds.addTables(tables)
	return ds
}

// routeKey returns the route key of an HttpApi event, which is $default if the
// event has neither method nor path.
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

// defaultOf returns the default of the parameter that a value refers to, or the
// value itself.
func (d document) defaultOf(v any) any {
	if parameter := at(d, "Parameters", refers(v), "Default"); parameter != nil {
		return parameter
	}
	return v
}

// declarationsOfCDK reads a template that CDK synthesized. It names a function
// after the folder of its asset.
func declarationsOfCDK(d document) declarations {
	ds := declarations{}
	tables := d.resources("AWS::DynamoDB::Table")
	names := map[string]string{} // of functions and their aliases, by logical ID
	for id, f := range d.resources("AWS::Lambda::Function") {
		folder := text(at(f, "Metadata", "aws:asset:path"))
		name, properties := path.Base(folder), at(f, "Properties")
		names[id] = name
		ds.addFunction(name, properties)
		ds.add(name, "folder", folder)
		for _, a := range list(at(properties, "Architectures")) {
			ds.add(name, "architecture", a)
		}
		ds.addVariables(name, at(properties, "Environment", "Variables"))
		for _, policy := range d.resources("AWS::IAM::Policy") {
			for _, role := range list(at(policy, "Properties", "Roles")) {
				if refers(role) == refers(at(properties, "Role")) {
					ds.addActions(name, at(policy, "Properties", "PolicyDocument"), tables)
				}
			}
		}
	}
	for id, alias := range d.resources("AWS::Lambda::Alias") {
		names[id] = names[refers(at(alias, "Properties", "FunctionName"))]
	}
	for _, source := range d.resources("AWS::Lambda::EventSourceMapping") {
		properties := at(source, "Properties")
		ds.addSource(names[refers(at(properties, "FunctionName"))], properties, at(properties, "EventSourceArn"), tables)
	}
	for _, route := range d.resources("AWS::ApiGatewayV2::Route") {
		ds.add(d.targetOf(route, names), "route", at(route, "Properties", "RouteKey"))
	}
	ds.addTables(tables)
	return ds
}

// targetOf returns the name of the function that a route calls. The target of a
// route is "integrations/" joined with the ID of the integration.
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

func (ds declarations) addFunction(name string, properties any) {
	for _, field := range []string{"Runtime", "Handler", "MemorySize", "Timeout"} {
		ds.add(name, strings.ToLower(field), at(properties, field))
	}
}

func (ds declarations) addVariables(name string, variables any) {
	fields, _ := variables.(map[string]any)
	for variable := range fields {
		ds.add(name, "variable", variable)
	}
}

// addActions adds the actions on the table. The tests of the stack check other
// permissions, such as writing to a log.
func (ds declarations) addActions(name string, policy any, tables map[string]any) {
	for _, statement := range list(at(policy, "Statement")) {
		for _, action := range list(at(statement, "Action")) {
			if !strings.HasPrefix(text(action), "dynamodb:") && action != "*" || slices.Contains(streamActions(), text(action)) {
				continue
			}
			for _, resource := range list(at(statement, "Resource")) {
				where := ""
				if tables[refers(resource)] == nil || at(statement, "Effect") != "Allow" {
					where = " of " + text(statement)
				}
				ds.add(name, "action", text(action)+where)
			}
		}
	}
}

// streamActions returns the actions that SAM itself adds to the role of a
// function that reads a stream. The tests of infra/stack check them.
func streamActions() []string {
	return []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
}

// addSource adds the settings of an event source. CloudFormation and SAM use the
// same names for them, except for the stream.
func (ds declarations) addSource(name string, properties, stream any, tables map[string]any) {
	if tables[refers(stream)] != nil && strings.HasSuffix(text(at(stream, "Fn::GetAtt")), " StreamArn]") {
		stream = "the table's stream"
	}
	if name == api.Deliver && strings.HasSuffix(text(at(stream, "Fn::GetAtt")), " Arn]") && tables[refers(stream)] == nil {
		stream = "the queue of webhooks"
	}
	ds.add(name, "event source", "of "+text(stream))
	settings, _ := properties.(map[string]any)
	for setting, value := range settings {
		switch setting {
		case "Stream", "Queue", "EventSourceArn", "FunctionName", "Tags": // SAM on this machine needs no tags
		case "FilterCriteria":
			for _, filter := range list(at(value, "Filters")) {
				ds.add(name, "event source", setting+" "+text(at(filter, "Pattern")))
			}
		case "FunctionResponseTypes":
			for _, kind := range list(value) {
				ds.add(name, "event source", setting+" "+text(kind))
			}
		case "DestinationConfig":
			ds.add(name, "queue", "of what failed")
		default:
			ds.add(name, "event source", setting+" "+text(value))
		}
	}
}

func (ds declarations) addTables(tables map[string]any) {
	for _, t := range tables {
		properties := at(t, "Properties")
		types := map[string]string{}
		for _, a := range list(at(properties, "AttributeDefinitions")) {
			types[text(at(a, "AttributeName"))] = text(at(a, "AttributeType"))
		}
		for _, k := range list(at(properties, "KeySchema")) {
			name := text(at(k, "AttributeName"))
			ds.add(table, "key", name+" "+types[name]+" "+text(at(k, "KeyType")))
		}
		if ttl := at(properties, "TimeToLiveSpecification"); at(ttl, "Enabled") == "true" {
			ds.add(table, "TTL", at(ttl, "AttributeName"))
		}
		ds.add(table, "billing", at(properties, "BillingMode"))
		ds.add(table, "stream", at(properties, "StreamSpecification", "StreamViewType"))
		for _, kind := range []string{"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} {
			for _, index := range list(at(properties, kind)) {
				ds.add(table, kind, index)
			}
		}
	}
}
