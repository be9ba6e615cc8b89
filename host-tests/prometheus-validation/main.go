// The command prometheus-validation says of the Prometheus operator's objects whether the operator's types have each
// of their fields, and whether Prometheus can read their expressions and templates.
//
// Standard input holds objects as JSON, one after the other. For each, one line is written to standard output: a
// JSON object with its errors and its warnings, of which there are none.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type problem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

type verdict struct {
	Errors   []problem `json:"errors"`
	Warnings []string  `json:"warnings"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "prometheus-validation:", err)
		os.Exit(1)
	}
}

func run(input io.Reader, output io.Writer) error {
	documents := json.NewDecoder(bufio.NewReader(input))
	verdicts := json.NewEncoder(output)
	for {
		var document json.RawMessage
		if err := documents.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		// Lists, not null, where there is nothing to say.
		said := verdict{Errors: []problem{}, Warnings: []string{}}
		for _, err := range judge(document) {
			said.Errors = append(said.Errors, problem{Field: "", Message: err.Error()})
		}
		if err := verdicts.Encode(said); err != nil {
			return err
		}
	}
}

func judge(document []byte) []error {
	var kind metav1.TypeMeta
	if err := json.Unmarshal(document, &kind); err != nil {
		return []error{err}
	}
	switch kind.Kind {
	case "ServiceMonitor":
		return strictly(document, &monitoring.ServiceMonitor{})
	case "PodMonitor":
		return strictly(document, &monitoring.PodMonitor{})
	case "PrometheusRule":
		rule := monitoring.PrometheusRule{}
		if errs := strictly(document, &rule); errs != nil {
			return errs
		}
		return rules(rule.Spec)
	default:
		return []error{fmt.Errorf("%s is no kind of the Prometheus operator's", kind.Kind)}
	}
}

func strictly(document []byte, object any) []error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(object); err != nil {
		return []error{err}
	}
	return nil
}

// Whether Prometheus loads the rules, by the code with which it does.
func rules(spec monitoring.PrometheusRuleSpec) []error {
	content, err := json.Marshal(spec)
	if err != nil {
		return []error{err}
	}
	_, errs := rulefmt.Parse(content, false, model.UTF8Validation, parser.NewParser(parser.Options{}))
	return errs
}
