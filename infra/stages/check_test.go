package stages_test

import (
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/infra/stages"
)

// TestSettingsThatAreRefused checks that settings that AWS would refuse, or that
// would not do what they say, are refused with what to do.
func TestSettingsThatAreRefused(t *testing.T) {
	const domain = `"domain": "tokens.example.com", "certificate": "` + certificate + `", "region": "eu-central-1"`
	for name, tt := range map[string]struct{ fields, want string }{
		"account/short":      {`"account": "1234"`, "account \"1234\" is not the 12 digits"},
		"account/hyphens":    {`"account": "1111-2222-3333"`, "is not the 12 digits"},
		"region/zone":        {`"region": "eu-central-1a"`, `region "eu-central-1a" is not a region`},
		"region/capitals":    {`"region": "EU-CENTRAL-1"`, "is not a region"},
		"email/no_host":      {`"alarmEmails": ["ops"]`, `alarmEmails has "ops", which is not an e-mail address`},
		"email/no_dot":       {`"alarmEmails": ["ops@localhost"]`, "is not an e-mail address"},
		"email/display_name": {`"alarmEmails": ["Ops <ops@example.com>"]`, "is not an e-mail address"},
		"email/white_space":  {`"alarmEmails": ["ops@example.com "]`, "is not an e-mail address"},
		"email/two_in_one":   {`"alarmEmails": ["a@example.com,b@example.com"]`, "is not an e-mail address"},
		"email/quoted":       {`"alarmEmails": ["\"a b\"@example.com"]`, "is not an e-mail address"},
		"email/empty":        {`"alarmEmails": [""]`, "is not an e-mail address"},
		"email/twice":        {`"alarmEmails": ["ops@example.com", "Ops@Example.com"]`, `alarmEmails has "Ops@Example.com" twice`},
		"domain/alone":       {`"domain": "tokens.example.com", "region": "eu-central-1"`, "domain is set but certificate is not"},
		"domain/url":         {`"domain": "https://tokens.example.com", "certificate": "` + certificate + `", "region": "eu-central-1"`, `domain "https://tokens.example.com" is not a host name`},
		"domain/wildcard":    {`"domain": "*.example.com", "certificate": "` + certificate + `", "region": "eu-central-1"`, "is not a host name"},
		"domain/no_region":   {`"domain": "tokens.example.com", "certificate": "` + certificate + `"`, "set region, too"},
		"certificate/alone":  {`"certificate": "` + certificate + `", "region": "eu-central-1"`, "certificate is set but domain is not"},
		"certificate/no_arn": {`"domain": "tokens.example.com", "certificate": "12345678", "region": "eu-central-1"`, `certificate "12345678" is not the ARN`},
		"certificate/region": {`"domain": "tokens.example.com", "certificate": "` + certificate + `", "region": "us-east-1"`, "certificate is in region eu-central-1, not in us-east-1"},
		"certificate/other":  {domain + `, "account": "999999999999"`, "certificate is of account 111122223333, not of 999999999999"},
		"path/alone":         {`"basePath": "keys"`, "basePath is set but domain is not"},
		"path/slash":         {domain + `, "basePath": "/keys"`, `basePath "/keys" is not a path`},
		"path/double_slash":  {domain + `, "basePath": "a//b"`, "is not a path"},
		"path/capital":       {domain + `, "basePath": "Keys"`, "is not a path"},
		"path/of_the_api":    {domain + `, "basePath": "api/keys"`, `basePath begins with "api"`},
		"execute_api/alone":  {`"executeApi": false`, "the API would have no URL"},
		"table/name":         {`"table": "a/b", "tableStream": "` + stream + `"`, `table "a/b" is not the name of a table`},
		"table/alone":        {`"table": "restored"`, "--table-name restored --stream-specification"},
		"stream/alone":       {`"tableStream": "` + stream + `"`, "tableStream is set but table is not"},
		"stream/no_arn":      {`"table": "restored", "tableStream": "restored"`, `tableStream "restored" is not the ARN`},
		"stream/table":       {`"table": "other", "tableStream": "` + stream + `"`, "tableStream is of table restored, not of other"},
		"stream/region":      {`"region": "eu-west-1", "table": "restored", "tableStream": "` + stream + `"`, "tableStream is in region eu-central-1, not in eu-west-1"},
		"stream/account":     {`"account": "999999999999", "table": "restored", "tableStream": "` + stream + `"`, "tableStream is of account 111122223333, not of 999999999999"},
		"upstream/empty":     {`"upstream": {}`, "upstream.url is not an https URL"},
		"upstream/http":      {`"upstream": {"url": "http://api.openai.com"}`, "upstream.url is not an https URL"},
		"upstream/no_scheme": {`"upstream": {"url": "api.openai.com"}`, "upstream.url is not an https URL"},
		"upstream/password":  {`"upstream": {"url": "https://a:` + `secret@api.openai.com"}`, "upstream.url is not an https URL"},
		"upstream/parameter": {`"upstream": {"url": "https://api.openai.com", "keyParameter": "/latchkey/*"}`, `upstream.keyParameter "/latchkey/*" is not the name`},
		"upstream/auth":      {`"upstream": {"url": "https://api.openai.com", "auth": "basic"}`, `upstream.auth is "basic"`},
		"upstream/allow":     {`"upstream": {"url": "https://api.openai.com", "allow": ["/v1/files"]}`, "upstream.allow:"},
		"upstream/origin":    {`"upstream": {"url": "https://api.openai.com", "allowOrigin": ["https://a.example/"]}`, "is not an origin"},
		"upstream/origins":   {`"upstream": {"url": "https://api.openai.com", "allowOrigin": ["https://a.example,b.example"]}`, "is not an origin"},
		"budget/negative":    {`"budgetDollars": -1`, "budgetDollars is negative"},
		"budget/alone":       {`"budgetDollars": 10`, "nobody would be told: add alarmEmails"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stages.Parse([]byte(`{"prod": {` + tt.fields + `}}`))
			if err == nil || !strings.HasPrefix(err.Error(), "prod: ") || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got error %v, want one of prod with %q", err, tt.want)
			}
		})
	}
}

// TestSettingsThatAreAllowed checks forms that are unusual and right.
func TestSettingsThatAreAllowed(t *testing.T) {
	for name, fields := range map[string]string{
		"region_of_government": `"region": "us-gov-west-1"`,
		"region_of_china": `"region": "cn-north-1", "domain": "tokens.example.com.cn",
			"certificate": "arn:aws-cn:acm:cn-north-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"`,
		"stream_without_region": `"table": "restored", "tableStream": "` + stream + `"`,
		"nothing":               `"upstream": null, "canary": null, "alarmEmails": []`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := stages.Parse([]byte(`{"prod": {` + fields + `}}`)); err != nil {
				t.Errorf("got error %v, want none", err)
			}
		})
	}
}
