package fixed

import "container/list"

//explain:begin

var jobs = list.New()

func Run(job *Job) {
	e := jobs.PushBack(job)
	defer jobs.Remove(e)
	job.do()
}

//explain:end

// Job is some work.
type Job struct{ input [100]byte }

func (job *Job) do() {}

func init() {
	Rules["H103"] = func() { each(5000, func(i int) { Run(new(Job)) }) }
}
