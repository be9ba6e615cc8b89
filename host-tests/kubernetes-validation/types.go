package main

import (
	"fmt"
	"io"
	"math/rand"
	"reflect"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// The kinds whose fields the table has, each with a maker of an empty object.
var roots = []struct {
	group string
	make  func() runtime.Object
}{
	{"apps", func() runtime.Object { return &appsv1.Deployment{} }},
	{"apps", func() runtime.Object { return &appsv1.StatefulSet{} }},
	{"batch", func() runtime.Object { return &batchv1.CronJob{} }},
	{"", func() runtime.Object { return &corev1.ConfigMap{} }},
	{"", func() runtime.Object { return &corev1.PersistentVolumeClaim{} }},
	{"", func() runtime.Object { return &corev1.Secret{} }},
	{"", func() runtime.Object { return &corev1.Service{} }},
	{"", func() runtime.Object { return &corev1.ServiceAccount{} }},
	{"networking.k8s.io", func() runtime.Object { return &networkingv1.NetworkPolicy{} }},
	{"policy", func() runtime.Object { return &policyv1.PodDisruptionBudget{} }},
}

var (
	quantityType    = reflect.TypeFor[resource.Quantity]()
	intOrStringType = reflect.TypeFor[intstr.IntOrString]()
	timeType        = reflect.TypeFor[metav1.Time]()
	fieldsType      = reflect.TypeFor[metav1.FieldsV1]()
	bytesType       = reflect.TypeFor[[]byte]()
)

// The grammar of the table, which crates/etcd-package/src/plan/difference/table.rs reads.
const preamble = `# The fields of Kubernetes' API types and their defaults, written by kubernetes-validation from Kubernetes' own code.
# To renew it: BLESS=1 cargo test -p host-tests --features kubernetes --test differences
#
# @GROUP KIND      a kind, whose type has the same name
# TYPE:            a struct type, followed by its fields
# FIELD CODE       a field, with the default behind = if it has one, or =? if the default depends on other fields
#
# CODE: s string, i integer, b bool, q quantity, x integer or string, t time, y base64, u unknown, .TYPE struct, - ignored;
# *CODE pointer, {}CODE map, []CODE list, [KEY]CODE list with a merge key, [+]CODE set.
`

// A field as JSON has it: those of embedded structs belong to the struct around them.
type jsonField struct {
	name  string
	index []int
	field reflect.StructField
}

func jsonFields(t reflect.Type) []jsonField {
	var fields []jsonField
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" && (field.Anonymous || strings.Contains(options, "inline")) {
			for _, inner := range jsonFields(field.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
		} else if name != "-" {
			fields = append(fields, jsonField{name, []int{i}, field})
		}
	}
	return fields
}

// A status is not desired by anybody.
func isStatus(f jsonField) bool {
	return f.name == "status" && f.field.Type.Kind() == reflect.Struct
}

// Whether a struct is a value of its own to JSON, not a mapping of its fields.
func isScalar(t reflect.Type) bool {
	switch t {
	case quantityType, intOrStringType, timeType, fieldsType:
		return true
	}
	return false
}

// What is known of the types.
type table struct {
	// Struct types by name.
	types map[string]reflect.Type
	// What fields without a value were seen to have after defaulting, by type and field.
	seen map[string]map[string]map[string]bool
}

func (t *table) code(goType reflect.Type, tag reflect.StructTag) (string, error) {
	switch goType {
	case quantityType:
		return "q", nil
	case intOrStringType:
		return "x", nil
	case timeType:
		return "t", nil
	case fieldsType:
		return "u", nil
	case bytesType:
		return "y", nil
	}
	inner := func(prefix string) (string, error) {
		code, err := t.code(goType.Elem(), "")
		return prefix + code, err
	}
	switch goType.Kind() {
	case reflect.String:
		return "s", nil
	case reflect.Bool:
		return "b", nil
	case reflect.Int32, reflect.Int64:
		return "i", nil
	case reflect.Pointer:
		return inner("*")
	case reflect.Map:
		return inner("{}")
	case reflect.Slice:
		if key := tag.Get("patchMergeKey"); key != "" {
			return inner("[" + key + "]")
		}
		if tag.Get("patchStrategy") == "merge" {
			return inner("[+]")
		}
		return inner("[]")
	case reflect.Struct:
		return "." + goType.Name(), t.add(goType)
	}
	return "", fmt.Errorf("%s: the table has no code for it", goType)
}

// Adds a type and all that it is made of.
func (t *table) add(goType reflect.Type) error {
	if known, ok := t.types[goType.Name()]; ok {
		if known != goType {
			return fmt.Errorf("%s and %s have the same name", known, goType)
		}
		return nil
	}
	t.types[goType.Name()] = goType
	for _, field := range jsonFields(goType) {
		if isStatus(field) {
			continue
		}
		if _, err := t.code(field.field.Type, field.field.Tag); err != nil {
			return err
		}
	}
	return nil
}

// Texts on which defaults depend, and some on which they do not.
var texts = []string{
	"", "", "", "x", "latest", "image", "image:1", "image:latest", "None", "ClientIP", "ClusterIP", "NodePort",
	"LoadBalancer", "ExternalName", "RollingUpdate", "OnDelete", "Recreate", "Ingress", "Egress", "TCP", "UDP",
}

// Fills a value at random, and leaves out about half of what can be left out.
func fill(v reflect.Value, random *rand.Rand) {
	switch v.Type() {
	case quantityType:
		if random.Intn(2) == 0 {
			v.Set(reflect.ValueOf(resource.MustParse("1")))
		}
		return
	case intOrStringType:
		values := []intstr.IntOrString{{}, intstr.FromInt32(7), intstr.FromString(""), intstr.FromString("25%")}
		v.Set(reflect.ValueOf(values[random.Intn(len(values))]))
		return
	case timeType, fieldsType, bytesType:
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[random.Intn(len(texts))])
	case reflect.Bool:
		v.SetBool(random.Intn(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.Intn(3)))
	case reflect.Pointer:
		if random.Intn(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), random)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), random.Intn(2), 1))
		for i := range v.Len() {
			fill(v.Index(i), random)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if random.Intn(2) == 0 {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, random)
			v.SetMapIndex(reflect.ValueOf("x").Convert(v.Type().Key()), value)
		}
	case reflect.Struct:
		// Most volumes have one source or none.
		sparse := v.Type() == reflect.TypeFor[corev1.VolumeSource]() && random.Intn(2) == 0
		for i := range v.NumField() {
			if v.Type().Field(i).Type != reflect.TypeFor[metav1.TypeMeta]() && !(sparse && random.Intn(20) != 0) {
				fill(v.Field(i), random)
			}
		}
	}
}

// Whether JSON would not tell it from a field that is left out.
func isAbsent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}

// Takes down what defaulting made of a struct: the fields that had no value.
func (t *table) observe(before, after reflect.Value) error {
	for _, field := range jsonFields(before.Type()) {
		if isStatus(field) {
			continue
		}
		was, is := before.FieldByIndex(field.index), after.FieldByIndex(field.index)
		if was.Kind() != reflect.Struct || isScalar(was.Type()) {
			if isAbsent(was) {
				text, err := spell(is)
				if err != nil {
					return fmt.Errorf("%s.%s: %w", before.Type(), field.name, err)
				}
				of := t.seen[before.Type().Name()]
				if of == nil {
					of = map[string]map[string]bool{}
					t.seen[before.Type().Name()] = of
				}
				if of[field.name] == nil {
					of[field.name] = map[string]bool{}
				}
				of[field.name][text] = true
			}
		}
		if err := t.descend(was, is); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) descend(was, is reflect.Value) error {
	if isScalar(was.Type()) {
		return nil
	}
	switch was.Kind() {
	case reflect.Struct:
		return t.observe(was, is)
	case reflect.Pointer:
		if is.IsNil() || is.Type().Elem().Kind() != reflect.Struct {
			return nil
		}
		if was.IsNil() {
			was = reflect.New(is.Type().Elem())
		}
		return t.descend(was.Elem(), is.Elem())
	case reflect.Slice:
		if was.Len() != is.Len() {
			return nil
		}
		for i := range was.Len() {
			if err := t.descend(was.Index(i), is.Index(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// A default as the table has it; empty for a field that has none.
func spell(v reflect.Value) (string, error) {
	if isAbsent(v) {
		return "", nil
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Type() == intOrStringType:
		x := v.Interface().(intstr.IntOrString)
		return "=" + x.String(), nil
	case v.Kind() == reflect.Struct:
		return "={}", nil
	case v.Kind() == reflect.Slice:
		return fmt.Sprintf("=%v", v.Interface()), nil
	case v.Kind() == reflect.String, v.Kind() == reflect.Bool, v.CanInt():
		return fmt.Sprintf("=%v", v.Interface()), nil
	}
	return "", fmt.Errorf("%s: the table has no defaults of this type", v.Type())
}

// Writes the table of all types.
func writeTypes(output io.Writer) error {
	t := table{types: map[string]reflect.Type{}, seen: map[string]map[string]map[string]bool{}}
	text := preamble
	random := rand.New(rand.NewSource(1))
	for _, root := range roots {
		goType := reflect.TypeOf(root.make()).Elem()
		text += fmt.Sprintf("@%s %s\n", root.group, goType.Name())
		if err := t.add(goType); err != nil {
			return err
		}
		for range 3000 {
			before := root.make()
			fill(reflect.ValueOf(before).Elem(), random)
			after := before.DeepCopyObject()
			legacyscheme.Scheme.Default(after)
			if err := t.observe(reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()); err != nil {
				return err
			}
		}
	}
	names := make([]string, 0, len(t.types))
	for name := range t.types {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		text += name + ":\n"
		for _, field := range jsonFields(t.types[name]) {
			if isStatus(field) {
				text += field.name + " -\n"
				continue
			}
			code, err := t.code(field.field.Type, field.field.Tag)
			if err != nil {
				return err
			}
			text += field.name + " " + code + t.fixed(name, field.name) + "\n"
		}
	}
	_, err := io.WriteString(output, text)
	return err
}

// The default of a field: the one that was seen whenever the field had no value.
func (t *table) fixed(name, field string) string {
	seen := t.seen[name][field]
	if len(seen) > 1 {
		return "=?"
	}
	for text := range seen {
		return text
	}
	return ""
}
