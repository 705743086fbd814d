// iOS: TensorFlowLiteSwift. See README.md here.
import Foundation
import TensorFlowLite

let path = Bundle.main.path(forResource: "face", ofType: "tflite")!
let interpreter = try Interpreter(modelPath: path)
let runner = try interpreter.signatureRunner(with: "hallucinate")

/// lr: 16 * 16 * 3 bytes, RGB, row by row; z: 64 normal numbers, zeros for the most likely picture.
func hallucinate(lr: Data, z: [Float32]) throws -> Data {
  let noise = z.withUnsafeBufferPointer { Data(buffer: $0) }
  try runner.invoke(with: ["lr": lr, "z": noise])    // uint8 [1, 16, 16, 3], float32 [1, 64]
  return try runner.output(named: "image").data      // uint8 [1, 128, 128, 3]
}
