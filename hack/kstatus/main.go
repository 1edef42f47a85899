// Says of each object on standard input (JSON, one after another) what kstatus makes of it: the rules by which
// Flux, kpt and others decide whether an object is Current, InProgress, Failed or Terminating.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	objects := json.NewDecoder(os.Stdin)
	for {
		var content json.RawMessage
		err := objects.Decode(&content)
		if errors.Is(err, io.EOF) {
			return
		}
		object := &unstructured.Unstructured{}
		if err == nil {
			err = object.UnmarshalJSON(content)
		}
		if err == nil {
			var result *status.Result
			if result, err = status.Compute(object); err == nil {
				fmt.Printf("%s: %s\n", result.Status, result.Message)
				continue
			}
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
