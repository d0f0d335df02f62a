package export

import (
	"fmt"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// apiGateway returns the dialect of API Gateway: the CSV file that it imports, and
// the answer of get-api-keys.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-key-file-format.html
func apiGateway() dialect {
	const noWay = "says for which stages the key is, and Latchkey knows no stages: check that in the application"
	return dialect{
		name: "API Gateway", id: []string{"id"}, label: []string{"name"},
		owners:      [][]string{{"customerid"}},
		markers:     []string{plans, "stagekeys"},
		all:         []string{"name", "key", "description", "enabled"},
		columns:     []string{"id", "name", "value", "enabled"},
		harmless:    []string{"description", "customerid", "createddate", "lastupdateddate", "tags"},
		restricting: map[string]string{plans: inPlans, "stagekeys": noWay},
		needs:       enabledNeeds, whole: "export the column Enabled",
		read: readAPIGateway, key: keyOfAPIGateway, used: func(*fields) int64 { return 0 }, there: apiGatewayThere,
	}
}

const (
	plans   = "usageplanids"
	inPlans = "names plans, whose quota and rates bind the key and are not in the file: give the token a window and a rate after the import, or its owner a budget with `tokenctl user budget NAME --units N --per month`"
)

// readAPIGateway reads a key of API Gateway. The answer of get-api-keys does not say
// which plans a key has.
func readAPIGateway(f *fields) wire.TokenInput {
	in := wire.TokenInput{UnlimitedQuota: new(true)}
	enabled := f.boolean("enabled")
	disable(&in, enabled != nil && !*enabled)
	if !f.present[plans] && !apiGateway().ignores(f.options, plans) {
		f.wrong("", "UsageplanIds missing: the plans of the key bind it, and are not in the file; set the limits of the token after the import, and add --ignore-column UsageplanIds")
	}
	return in
}

// keyOfAPIGateway reads the whole key.
func keyOfAPIGateway(f *fields) (k Key, column, problem string) {
	const longest = 128
	column, plain := f.text("key", "value")
	switch {
	case plain == "":
		return k, "key", "its key is missing: export the keys with `aws apigateway get-api-keys --include-values`"
	case len(plain) > longest:
		return k, column, fmt.Sprintf("its key has more than %d characters, which no key of API Gateway has: export it again", longest)
	default:
		return plainKey(plain, column, "api-gateway")
	}
}
