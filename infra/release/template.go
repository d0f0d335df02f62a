package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

type object = map[string]any

// plainTemplate turns a template that cdk deploys into one that needs nothing of
// cdk: the code comes from a bucket of the operator, which is a parameter, and one
// address for alarms is another.
func plainTemplate(text []byte, stage, version string, zips map[string]string) ([]byte, error) {
	var template object
	if err := json.Unmarshal(text, &template); err != nil {
		return nil, err
	}
	resources, ok := template["Resources"].(object)
	if !ok {
		return nil, errors.New("it has no resources")
	}
	for id, made := range resources {
		resource, _ := made.(object)
		if resource["Type"] == "AWS::Lambda::Function" {
			if err := takeCodeFromBucket(resource, zips); err != nil {
				return nil, fmt.Errorf("function %s: %w", id, err)
			}
		}
		delete(resource, "Metadata") // notes of cdk
	}
	template["Description"] = "Latchkey " + version + ", stage " + stage + ": API tokens"
	template["Parameters"] = object{ // in place of those that check cdk bootstrap
		"CodeBucket": object{"Type": "String", "Description": "S3 bucket in this region with the zips of the functions", "MinLength": 3},
		"CodePrefix": object{"Type": "String", "Default": "latchkey/", "Description": "What stands before the names of the zips in the bucket"},
	}
	delete(template, "Rules")
	subscribe(template, resources)
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(template)
	return plain.Bytes(), err
}

// takeCodeFromBucket makes a function take its code from the operator's bucket. cdk
// notes in the metadata which function it is.
func takeCodeFromBucket(resource object, zips map[string]string) error {
	metadata, _ := resource["Metadata"].(object)
	asset, _ := metadata["aws:asset:path"].(string)
	zip, known := zips[strings.TrimPrefix(asset, "build/")]
	properties, ok := resource["Properties"].(object)
	if !known || !ok {
		return fmt.Errorf("no zip for %q", asset)
	}
	properties["Code"] = object{"S3Bucket": object{"Ref": "CodeBucket"}, "S3Key": object{"Fn::Sub": "${CodePrefix}" + zip}}
	return nil
}

// subscribe adds a parameter with an address to stages that have alarms.
func subscribe(template, resources object) {
	outputs, _ := template["Outputs"].(object)
	topic, ok := outputs["AlarmTopic"].(object)
	if !ok {
		return
	}
	const parameter, condition = "AlarmEmail", "HasAlarmEmail"
	template["Parameters"].(object)[parameter] = object{"Type": "String", "Default": "", "Description": "Who gets a mail for each alarm; empty: nobody"}
	template["Conditions"] = object{condition: object{"Fn::Not": []any{object{"Fn::Equals": []any{object{"Ref": parameter}, ""}}}}}
	resources["AlarmSubscription"] = object{
		"Type": "AWS::SNS::Subscription", "Condition": condition,
		"Properties": object{"Protocol": "email", "Endpoint": object{"Ref": parameter}, "TopicArn": topic["Value"]},
	}
}
