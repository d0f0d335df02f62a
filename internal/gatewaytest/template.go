package gatewaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// An API is the HTTP API of a synthesized stack.
type API struct {
	Routes    []Route
	Functions []Function // all of the stack, also those without a route
}

// A Route is a route key and the function that its integration calls, directly
// or through an alias.
type Route struct {
	Key      string
	Function Function
}

// A Function is a Lambda function.
type Function struct {
	ID          string // its logical ID
	Folder      string // the last part of the path of its asset
	Environment map[string]string
	Statements  []dynamotest.Statement // of its role, on the table
}

// Read reads the HTTP API from a stack's template, in JSON as CDK synthesizes it.
// It returns an error for anything that would not work on AWS: a stage other
// than $default, an integration that is not a Lambda proxy with payload format
// 2.0, a function that API Gateway may not invoke, an environment variable that
// is neither a string nor the name of the table. It also returns one for a
// permission on the table that depends on more than the action and the partition.
func Read(text []byte) (*API, error) {
	var t template
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	stages := t.ofType("AWS::ApiGatewayV2::Stage")
	if len(stages) != 1 || t.Resources[stages[0]].Properties["StageName"] != defaultKey {
		return nil, fmt.Errorf("the template has the stages %v, want only %s", stages, defaultKey)
	}
	var api API
	for _, id := range t.ofType("AWS::ApiGatewayV2::Route") {
		route, err := t.route(id)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", id, err)
		}
		if slices.ContainsFunc(api.Routes, func(r Route) bool { return r.Key == route.Key }) {
			return nil, fmt.Errorf("route %s: another route has the same key, %s", id, route.Key)
		}
		api.Routes = append(api.Routes, route)
	}
	if api.Routes == nil {
		return nil, errors.New("the template has no AWS::ApiGatewayV2::Route")
	}
	for _, id := range t.ofType("AWS::Lambda::Function") {
		f, err := t.function(id)
		if err != nil {
			return nil, err
		}
		api.Functions = append(api.Functions, f)
	}
	return &api, nil
}

type template struct {
	Resources map[string]resource
}

type resource struct {
	Type       string
	Properties map[string]any
	Metadata   map[string]any
}

// ofType returns the logical IDs of the resources of a type, sorted.
func (t template) ofType(kind string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.Resources)), func(id string) bool { return t.Resources[id].Type != kind })
}

func (t template) route(id string) (Route, error) {
	properties := t.Resources[id].Properties
	key, _ := properties["RouteKey"].(string)
	if _, path, ok := strings.Cut(key, " "); key != defaultKey && (!ok || !strings.HasPrefix(path, "/") || path != "/" && strings.HasSuffix(path, "/")) {
		return Route{}, fmt.Errorf("%q is not a valid route key of an HTTP API", key)
	}
	integration, err := t.follow(properties["Target"], "AWS::ApiGatewayV2::Integration")
	if err != nil {
		return Route{}, err
	}
	properties = t.Resources[integration].Properties
	if kind, format := properties["IntegrationType"], properties["PayloadFormatVersion"]; kind != "AWS_PROXY" || format != "2.0" {
		return Route{}, fmt.Errorf("integration %s is %v with payload format %v, want AWS_PROXY with 2.0", integration, kind, format)
	}
	function, err := t.follow(properties["IntegrationUri"], "AWS::Lambda::Alias", "AWS::Lambda::Function")
	if err != nil {
		return Route{}, err
	}
	if !t.mayInvoke(function, key) {
		return Route{}, fmt.Errorf("API Gateway has no permission to invoke %s for %s", function, key)
	}
	for t.Resources[function].Type == "AWS::Lambda::Alias" {
		if function, err = t.follow(t.Resources[function].Properties["FunctionName"], "AWS::Lambda::Function"); err != nil {
			return Route{}, err
		}
	}
	f, err := t.function(function)
	return Route{key, f}, err
}

// mayInvoke reports whether a permission allows API Gateway to invoke this
// function or alias for a route. A permission for a function does not apply to
// its alias.
func (t template) mayInvoke(id, key string) bool {
	_, path, _ := strings.Cut(key, " ")
	return slices.ContainsFunc(t.ofType("AWS::Lambda::Permission"), func(permission string) bool {
		properties := t.Resources[permission].Properties
		source := ending(properties["SourceArn"])
		return properties["Principal"] == "apigateway.amazonaws.com" &&
			properties["Action"] == "lambda:InvokeFunction" && slices.Contains(references(properties["FunctionName"]), id) &&
			(source == "/*/*" || source == "/*/*"+path || source == "/*/*/*" && path != "") // of all stages and methods; a star also matches slashes
	})
}

// ending returns the last text of an Fn::Join, which follows the ID of the API.
func ending(value any) string {
	join, _ := value.(map[string]any)
	arguments, _ := join["Fn::Join"].([]any)
	if len(arguments) != 2 {
		return ""
	}
	parts, _ := arguments[1].([]any)
	if len(parts) == 0 {
		return ""
	}
	text, _ := parts[len(parts)-1].(string)
	return text
}

func (t template) function(id string) (f Function, err error) {
	r := t.Resources[id]
	f = Function{ID: id, Environment: map[string]string{}}
	if f.Statements, err = t.onTable(r.Properties); err != nil {
		return Function{}, fmt.Errorf("function %s: %w", id, err)
	}
	asset, _ := r.Metadata["aws:asset:path"].(string)
	f.Folder = path.Base(asset)
	environment, _ := r.Properties["Environment"].(map[string]any)
	variables, _ := environment["Variables"].(map[string]any)
	for name, value := range variables {
		switch text, isText := value.(string); {
		case isText:
			f.Environment[name] = text
		case name == boot.EnvTable:
			if _, err := t.follow(value, "AWS::DynamoDB::Table"); err != nil {
				return Function{}, fmt.Errorf("function %s: variable %s: %w", id, name, err)
			}
			f.Environment[name] = dynamotest.Table
		case slices.Contains([]string{boot.EnvEventBus, boot.EnvWebhookQueue, boot.EnvScheduleGroup, boot.EnvScheduleRole}, name):
			// There is none of them on this machine; StartFunction can add imitations.
		default:
			return Function{}, fmt.Errorf("function %s: variable %s is %v, want a string", id, name, value)
		}
	}
	return f, nil
}

// follow returns the resource of one of the types that a value refers to.
func (t template) follow(value any, kinds ...string) (string, error) {
	found := slices.DeleteFunc(references(value), func(id string) bool { return !slices.Contains(kinds, t.Resources[id].Type) })
	if len(found) != 1 {
		return "", fmt.Errorf("%v refers to %v, want one %s", value, found, strings.Join(kinds, " or "))
	}
	return found[0], nil
}

// references returns the logical IDs in the Ref and Fn::GetAtt of a value.
func references(value any) (ids []string) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			ids = append(ids, references(element)...)
		}
	case map[string]any:
		if id, ok := v["Ref"].(string); ok {
			return []string{id}
		}
		if att, ok := v["Fn::GetAtt"].([]any); ok && len(att) > 0 {
			return []string{fmt.Sprint(att[0])}
		}
		for _, element := range v {
			ids = append(ids, references(element)...)
		}
	}
	return ids
}
