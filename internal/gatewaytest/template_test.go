package gatewaytest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/gatewaytest"
	"github.com/latchkey-api/latchkey/shared/api"
)

// small is a stack with one function behind an alias.
const small = `{"Resources":{
  "Stage":{"Type":"AWS::ApiGatewayV2::Stage","Properties":{"StageName":"$default"}},
  "Route":{"Type":"AWS::ApiGatewayV2::Route","Properties":{"RouteKey":"GET /x","Target":{"Fn::Join":["",["integrations/",{"Ref":"Integration"}]]}}},
  "Integration":{"Type":"AWS::ApiGatewayV2::Integration","Properties":{"IntegrationType":"AWS_PROXY","PayloadFormatVersion":"2.0","IntegrationUri":{"Ref":"Live"}}},
  "Live":{"Type":"AWS::Lambda::Alias","Properties":{"FunctionName":{"Ref":"Function"}}},
  "Permission":{"Type":"AWS::Lambda::Permission","Properties":{"Action":"lambda:InvokeFunction","Principal":"apigateway.amazonaws.com","FunctionName":{"Ref":"Live"},"SourceArn":{"Fn::Join":["",["arn:aws:execute-api:us-east-1:123456789012:",{"Ref":"Api"},"/*/*/x"]]}}},
  "Table":{"Type":"AWS::DynamoDB::Table"},
  "Policy":{"Type":"AWS::IAM::Policy","Properties":{"Roles":[{"Ref":"Role"}],"PolicyDocument":{"Statement":[
    {"Effect":"Allow","Action":["dynamodb:Query","dynamodb:GetItem"],"Resource":{"Fn::GetAtt":["Table","Arn"]},"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["T#*"]}}},
    {"Effect":"Allow","Action":"dynamodb:PutItem","Resource":{"Fn::GetAtt":["Table","Arn"]},"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["E#*","T#*"]}}},
    {"Effect":"Allow","Action":["dynamodb:ListStreams","logs:PutLogEvents"],"Resource":"*"}]}}},
  "Function":{"Type":"AWS::Lambda::Function","Metadata":{"aws:asset:path":"build/x"},"Properties":{"Role":{"Fn::GetAtt":["Role","Arn"]},"Environment":{"Variables":{"TABLE_NAME":{"Ref":"Table"},"A":"b"}}}}
}}`

// TestRead checks that a route is followed to its function through an alias.
func TestRead(t *testing.T) {
	got, err := gatewaytest.Read([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	route := got.Routes[0]
	f := route.Function
	if len(got.Routes) != 1 || route.Key != "GET /x" || f.ID != "Function" || f.Folder != "x" ||
		len(f.Environment) != 2 || f.Environment["A"] != "b" || f.Environment["TABLE_NAME"] != "latchkey-test" {
		t.Errorf("got %+v, want GET /x to build/x with its two variables", got.Routes)
	}
	want := []dynamotest.Statement{
		{Actions: []string{"dynamodb:Query", "dynamodb:GetItem"}, Partitions: []string{"T#*"}},
		{Actions: []string{"dynamodb:PutItem"}, Partitions: []string{"E#*", "T#*"}},
	}
	if diff := cmp.Diff(want, f.Statements); diff != "" {
		t.Errorf("statements of the role on the table (-want +got):\n%s", diff)
	}
}

// TestReadErrors checks the error for each template that would not work on AWS.
func TestReadErrors(t *testing.T) {
	for name, row := range map[string]struct{ old, changed, want string }{
		"not a template":               {small, `[]`, "read template"},
		"another stage":                {`"StageName":"$default"`, `"StageName":"v1"`, "want only $default"},
		"no route":                     {`ApiGatewayV2::Route`, `Other`, "no AWS::ApiGatewayV2::Route"},
		"slash at the end":             {`GET /x`, `GET /x/`, "not a valid route key"},
		"no integration":               {`{"Ref":"Integration"}`, `{"Ref":"Table"}`, "want one AWS::ApiGatewayV2::Integration"},
		"payload format":               {`"2.0"`, `"1.0"`, "want AWS_PROXY with 2.0"},
		"no permission":                {`apigateway.amazonaws.com`, `sns.amazonaws.com`, "no permission to invoke Live"},
		"permission not for the alias": {`"FunctionName":{"Ref":"Live"}`, `"FunctionName":{"Ref":"Function"}`, "no permission to invoke Live"},
		"permission for another path":  {`"/*/*/x"`, `"/*/*/y"`, "no permission to invoke Live for GET /x"},
		"permission of authorizers":    {`{"Ref":"Api"},"/*/*/x"`, `"*/authorizers/*"`, "no permission to invoke Live for GET /x"},
		"alias of nothing":             {`{"FunctionName":{"Ref":"Function"}}`, `{}`, "want one AWS::Lambda::Function"},
		"another resource's name":      {`{"Ref":"Table"}`, `{"Ref":"Live"}`, "want one AWS::DynamoDB::Table"},
		"variable not a string":        {`"A":"b"`, `"A":{"Ref":"Table"}`, "variable A"},
		"permission on all partitions": {`,"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["T#*"]}}`, ``, "not a plain permission"},
		"another condition":            {`"ForAllValues:StringLike"`, `"StringLike"`, "does not name partitions"},
		"a star for all partitions":    {`"T#*"`, `"*"`, "does not name partitions"},
		"denied action":                {`{"Effect":"Allow","Action":"dynamodb:PutItem"`, `{"Effect":"Deny","Action":"dynamodb:PutItem"`, "not a plain permission"},
		"wildcard":                     {`"dynamodb:PutItem"`, `"dynamodb:*"`, "not a plain permission"},
		"every action":                 {`"dynamodb:PutItem"`, `"*"`, "not a plain permission"},
		"everything but an action":     {`"Action":"dynamodb:PutItem"`, `"NotAction":"dynamodb:PutItem"`, "not a plain permission"},
		"another resource":             {`"dynamodb:PutItem","Resource":{"Fn::GetAtt":["Table","Arn"]}`, `"dynamodb:PutItem","Resource":"*"`, "dynamodb:PutItem is allowed on *"},
		"an index":                     {`"dynamodb:PutItem","Resource":{"Fn::GetAtt":["Table","Arn"]}`, `"dynamodb:PutItem","Resource":{"Fn::Join":["",[{"Fn::GetAtt":["Table","Arn"]},"/index/*"]]}`, "want the table"},
		"integration not of a Lambda":  {`"IntegrationUri":{"Ref":"Live"}`, `"IntegrationUri":{"Ref":"Table"}`, "want one AWS::Lambda::Alias or"},
	} {
		text := strings.ReplaceAll(small, row.old, row.changed)
		if _, err := gatewaytest.Read([]byte(text)); text == small || err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, row.want)
		}
	}
}

// TestReadWithoutRoute checks that a function without a route, such as the
// authorizer, is among the functions only.
func TestReadWithoutRoute(t *testing.T) {
	const authorizer = `"Authorizer":{"Type":"AWS::Lambda::Function","Metadata":{"aws:asset:path":"build/authorize"},"Properties":{}},
  "Authorizers":{"Type":"AWS::Lambda::Permission","Properties":{"Action":"lambda:InvokeFunction","Principal":"apigateway.amazonaws.com","FunctionName":{"Fn::GetAtt":["Authorizer","Arn"]},"SourceArn":{"Fn::Join":["",["arn:aws:execute-api:us-east-1:123456789012",":*/authorizers/*"]]}}},`
	got, err := gatewaytest.Read([]byte(strings.Replace(small, `"Table":`, authorizer+`"Table":`, 1)))
	if err != nil || len(got.Routes) != 1 || got.Routes[0].Function.ID != "Function" || len(got.Functions) != 2 {
		t.Errorf("got %+v, %v, want the one route, both functions and no error", got, err)
	}
}

// TestRoutesOfStacks checks that each route calls its own function. The suite of
// the API would not notice if it called the fallback, which serves every route.
func TestRoutesOfStacks(t *testing.T) {
	var want []string
	for _, f := range api.Functions() {
		for _, key := range f.RouteKeys {
			want = append(want, key+" to "+f.Name)
		}
	}
	slices.Sort(want)
	for stage, text := range templates(t) {
		stack, err := gatewaytest.Read(text)
		if err != nil {
			t.Fatalf("%s: %v", stage, err)
		}
		var got []string
		for _, route := range stack.Routes {
			got = append(got, route.Key+" to "+route.Function.Folder)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: got %q\nwant %q", stage, got, want)
		}
	}
}
